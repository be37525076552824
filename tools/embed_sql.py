# SPDX-License-Identifier: MIT
"""Turns annotated .sql files into the statement table and one typed constructor per statement.

It knows names, shapes, types and column lists and nothing else:
    -- columns: task (task_uuid uuid, name text)                 {t.task} becomes t.task_uuid::uuid, t.name::text
    -- name: task_get reads one task (task_uuid uuid, name text(64)?, ids uuid[])         ? may be NULL
    -- part: newest_first (aliases it speaks of)                  {newest_first} becomes its text
"""
import pathlib, re, sys

OUT, FILES = pathlib.Path(sys.argv[1]), [pathlib.Path(f) for f in sys.argv[2:]]
C = {'uuid': 'const tasker_uuid *', 'text': 'tasker_text ', 'json': 'tasker_json ', 'jsonb': 'tasker_json ',
     'int4': 'int32_t ', 'int8': 'int64_t ', 'bool': 'bool ', 'float8': 'double ', 'timestamp': 'tasker_time '}
VIEWS = ('uuid', 'text', 'json', 'jsonb')  # these say NULL by themselves, the others by a NULL pointer
PARAMETER = re.compile(r'(\w+) (\w+?)(?:\((\d+)\))?(\[\])?(\?)?$')
HEADING = re.compile(r'-- (columns|name|part): (.*?\))[ \t]*\n(.*?)(?=^-- (?:columns|name|part):|\Z)', re.M | re.S)

def parameter(text):
    name, kind, limit, array, null = PARAMETER.match(text.strip()).groups()
    null, limit, const = 'true' if null else 'false', limit or '0', C[kind].strip().startswith('const')
    if array:
        pointer = C[kind] if const else 'const ' + C[kind] + '*'
        argument, value = f'{pointer}{name}, size_t {name}_count', f'{name}, {name}_count'
        put = f'tkr_put_{kind}_array'
    elif kind in VIEWS or null == 'false':
        argument, value, put = C[kind] + name, name, f'tkr_put_{kind}'
    else:
        argument, value, put = 'const ' + C[kind] + '*' + name, name, f'tkr_put_{kind}_or_null'
    extra = f', {limit}' if kind == 'text' else ''
    extra += f', {null}' if array or kind in VIEWS else ''
    return argument, f'    {put}(call, "{name}", {value}{extra});', f'TKR_OID_{kind.upper()}' + ('_ARRAY' if array else '')

def literal(text):
    return '\n'.join('    "' + s.replace('\\', '\\\\').replace('"', '\\"') + '\\n"' for s in text.strip().split('\n'))

columns, parts, rows, adds, types, entities, scripts = {}, {'schema': '{schema}'}, [], [], [], set(), []
for file in FILES:
    if file.parent.name == 'migrations':
        version, profile = int(file.name[:4]), (file.stem.split('.') + [''])[1]
        scripts.append(f'    {{{version}, "{profile}",\n{literal(file.read_text())}}},')
        continue
    for what, head, body in HEADING.findall(file.read_text()):
        name, rest, params = re.match(r'(\w+)([^(]*)\((.*)\)', re.sub(r'\n--', '', head), re.S).groups()
        fields = [p for p in params.split(',') if p.strip()]
        body = re.sub(r'^--.*\n', '', body, flags=re.M).strip().rstrip(';')
        if what == 'columns':
            columns[name] = [f.split() for f in fields]
        if what == 'part':
            parts[name] = body
        if what != 'name':
            continue
        access, shape, *entity = rest.split()
        expand = lambda m: parts.get(m[2]) or ', '.join(f'{m[1] or ""}{c}::{t}' for c, t in columns[m[2]])
        sql = re.sub(r'\{(\w+\.)?(\w+)\}', expand, body)
        arguments, puts, oids = zip(*map(parameter, fields)) if fields else ((), (), ())
        entities.update(entity)
        types.append(f'static const uint32_t types_{name}[] = {{{", ".join(oids) or "0"}}};')
        rows.append(f'    {{{{TKR_STATEMENT_{name}, "{name}",\n{literal(sql)},\n    types_{name}, {len(oids)}, TKR_{access.upper()}}},'
                    f' TKR_SHAPE_{shape.upper()}, {"&tkr_entity_" + entity[0] if entity else "NULL"}}},')
        adds.append(f'static inline void tkr_add_{name}({", ".join(["tkr_call *call", *arguments])})\n{{\n'
                    f'    tkr_call_add(call, TKR_STATEMENT_{name});\n' + '\n'.join(puts) + '\n}\n')
names = re.findall(r'TKR_STATEMENT_\w+', '\n'.join(rows))
(OUT / 'statements.h').write_text('#pragma once\n#include "statement/call.h"\nenum {\n    ' + ',\n    '.join(names) +
    ',\n    TKR_STATEMENT_COUNT\n};\n' + '\n'.join(adds))
(OUT / 'statements.c').write_text('#include "statements.h"\n#pragma GCC diagnostic ignored "-Woverlength-strings"\n' +
    ''.join(f'extern const tkr_entity tkr_entity_{e};\n' for e in sorted(entities)) + '\n'.join(types) +
    '\nconst size_t tkr_statement_count = TKR_STATEMENT_COUNT;\nconst tkr_statement tkr_statements[] = {\n' + '\n'.join(rows) +
    '\n};\nconst tkr_migration tkr_migrations[] = {\n' + '\n'.join(scripts) + '\n    {0, NULL, NULL},\n};\n')
