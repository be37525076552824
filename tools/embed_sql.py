# SPDX-License-Identifier: MIT
"""Turns annotated .sql files into the statement table and one typed constructor per statement. It knows:
    -- name: task_get reads one task (task_uuid uuid, name text(64)?, ids uuid[])         ? may be NULL
    -- columns: task (task_uuid uuid, name text)                 {t.task} becomes t.task_uuid::uuid, t.name::text
    -- part: newest_first (aliases it speaks of)                 {newest_first} becomes its text
    -- parameters: page (after uuid?, row_limit int4)            {page} in a list of parameters becomes these
    CREATE VIEW {schema}.v AS ... in a migration               {v} becomes its query: tasker-core has no such view
"""
import pathlib, re, sys
OUT, FILES = pathlib.Path(sys.argv[1]), [pathlib.Path(f) for f in sys.argv[2:]]
C = {'uuid': 'const tasker_uuid *', 'text': 'tasker_text ', 'json': 'tasker_json ', 'jsonb': 'tasker_json ',
     'int4': 'int32_t ', 'int8': 'int64_t ', 'bool': 'bool ', 'float8': 'double ', 'timestamp': 'tasker_time '}
VIEWS = ('uuid', 'text', 'json', 'jsonb')  # these say NULL by themselves, the others by a NULL pointer
PARAMETER = re.compile(r'(\w+) (\w+?)(?:\((\d+)\))?(\[\])?(\?)?$')
HEADING = re.compile(r'-- (columns|name|part|parameters): (.*?\))[ \t]*\n(.*?)(?=^-- (?:columns|name|part|parameters): |\Z)', re.M | re.S)

def parameter(text):
    name, kind, limit, array, null = PARAMETER.match(text.strip()).groups()
    view, pointer = kind in VIEWS, C[kind] if kind == 'uuid' else f'const {C[kind]}*'
    argument = pointer + f'{name}, size_t {name}_count' if array else (C[kind] if view or not null else pointer) + name
    put = f'tkr_put_{kind}' + ('_array' if array else '_or_null' if null and not view else '')
    values = [f'"{name}"', name] + [f'{name}_count'] * bool(array) + [limit or '0'] * (kind == 'text')
    values += [str(bool(null)).lower()] * bool(array or view)
    return argument, f'    {put}(call, {", ".join(values)});\n', f'TKR_OID_{kind.upper()}' + ('_ARRAY' if array else '')

def literal(text):
    return '\n'.join('    "' + s.replace('\\', '\\\\').replace('"', '\\"') + '\\n"' for s in text.strip().split('\n'))

parts, rows, adds, types, scripts = {m: lambda _, m=m: '{%s}' % m for m in ('schema', 'queue_schema')}, [], [], [], []
for file in FILES:
    text, profile = file.read_text(), (file.stem.split('.') + [''])[1]
    if file.parent.name == 'migrations':
        scripts.append(f'    {{{int(file.name[:4])}, "{file.name[5:].split(".")[0]}", "{profile}",\n{literal(text)}}},\n')
        for view, query in re.findall(r'CREATE VIEW \{schema\}\.(\w+) AS\n(.*?);\n', text, re.S):
            query = re.sub(r'\{schema\}\.(\w+)', lambda m: parts.get(m[1], lambda _: m[0])(''), f'({query})')
            parts[view] = lambda _, query=query: query
    for what, head, body in HEADING.findall(text):
        name, rest, fields = re.match(r'(\w+)([^(]*)\((.*)\)', re.sub(r'\n--', '', head), re.S).groups()
        fields = [f.strip() for f in re.sub(r'\{(\w+)\}', lambda m: parts[m[1]](''), fields).split(',') if f.strip()]
        body = re.sub(r'^--.*\n', '', body, flags=re.M).strip().rstrip(';')
        body = re.sub(r'\{(\w+\.)?(\w+)\}', lambda m: parts[m[2]](m[1] or ''), body)
        if what == 'columns':
            parts[name] = lambda alias, f=fields: ', '.join(alias + '::'.join(column.split()) for column in f)
        elif what != 'name':
            parts[name] = lambda _, text=body if what == 'part' else ', '.join(fields): text
        else:
            (access, shape, *entity), (arguments, puts, oids) = rest.split(), zip(*map(parameter, fields)) if fields else [()] * 3
            size = f'{len(oids)} <= TKR_PARAMETERS_MAX ? {max(len(oids), 1)} : -1'
            types.append(f'static const uint32_t types_{name}[{size}] = {{{", ".join(oids) or "0"}}};\n')
            rows.append(f'    {{{{TKR_STATEMENT_{name}, "{name}",\n{literal(body)},\n    types_{name}, {len(oids)}, TKR_{access.upper()}'
                        f'}}, TKR_SHAPE_{shape.upper()}, {"&tkr_entity_" + entity[0] if entity else "NULL"}}},\n')
            adds.append(f'static inline void tkr_add_{name}({", ".join(["tkr_call *call", *arguments])})\n{{\n'
                        f'    tkr_call_add(call, TKR_STATEMENT_{name});\n{"".join(puts)}}}\n')
names = ',\n    '.join(re.findall(r'TKR_STATEMENT_\w+', ''.join(rows)) + ['TKR_STATEMENT_COUNT'])
externs = ''.join(f'extern const tkr_entity {e};\n' for e in sorted(set(re.findall(r'&(tkr_entity_\w+)', ''.join(rows)))))
(OUT / 'statements.h').write_text(f'#pragma once\n#include "statement/call.h"\nenum {{\n    {names}\n}};\n' + '\n'.join(adds))
(OUT / 'statements.c').write_text(f'''#include "statements.h"\n#pragma GCC diagnostic ignored "-Woverlength-strings"
{externs}{"".join(types)}const size_t tkr_statement_count = TKR_STATEMENT_COUNT;
const tkr_statement tkr_statements[] = {{\n{"".join(rows)}}};
const tkr_migration tkr_migrations[] = {{\n{"".join(scripts)}    {{0, NULL, NULL, NULL}},\n}};\n''')
