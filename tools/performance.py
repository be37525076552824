# SPDX-License-Identifier: MIT
"""What the benches found.

    performance.py gather LINES FILE    puts their lines of JSON and the conditions into one file
    performance.py plot FILE FOLDER     draws what grows with a size, by gnuplot
    performance.py document FILE PAGE   writes the tables of docs/performance.md
"""
import datetime
import json
import os
import platform
import subprocess
import sys


def said_by(*command):
    """The first line of what a command says, or None."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip().split('\n')[0]


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        names = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
    return names[0] if names else platform.machine()


def conditions():
    return {
        'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        'processor': processor(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': float(os.environ.get('BENCH_LOAD', os.getloadavg()[0])),
        'system': platform.platform(),
        'postgres': os.environ.get('BENCH_POSTGRES'),
        'node': said_by('node', '--version'),
        'compiler': said_by(os.environ.get('CC', 'gcc'), '--version'),
        'commit': said_by('git', 'describe', '--always', '--dirty', '--abbrev=12'),
        'synchronous_commit': 'on, where a row does not say off; fsync ' + os.environ.get('PG_FSYNC', 'on'),
    }


def gather(lines, out):
    with open(lines, encoding='utf-8') as file:
        findings = [json.loads(line) for line in file]
    with open(out, 'w', encoding='utf-8') as file:
        json.dump({'conditions': conditions(), 'findings': findings}, file, indent=1)
        file.write('\n')


GOALS = (
    ('G1', 'creating a workflow, against COPY'),
    ('G2', 'creating a workflow, against row by row'),
    ('G3', "readiness, against reading the steps' rows"),
    ('G4', 'one claim, against DELETE .. SKIP LOCKED'),
    ('G5', 'a hundred claims'),
    ('G6', 'a change of state, against INSERT and COPY'),
    ('G8', 'drains one step at a time, against peers'),
    ('G9', 'drains in batches'),
    ('G10', 'decoding and streaming'),
    ('G11', 'updates of steps that touch no index'),
)


def number(value):
    if value is None:
        return ''
    return f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def median(finding, key):
    return number((finding.get(key) or {}).get('median'))


def rows(findings):
    """Markdown, a table for each section."""
    section = None
    for it in findings:
        if it['section'] != section:
            section = it['section']
            yield f"\n{section}" + ''.join(
                f'; {key}: {it[key + "_is"]}' for key in ('limit', 'peer') if it.get(key + '_is'))
            yield '\n| | unit | limit | ours | peer | ratio | goal | |\n|---|---|---|---|---|---|---|---|'
        if 'why' in it:
            yield f"| {it['what']} | | | | | | | {it['why']} |"
            continue
        sign = '= ' if it['exact'] else '≥ ' if it['at_least'] else '≤ '
        goal = '' if it['goal'] is None else sign + number(it['goal'])
        cells = [it['what'], it['unit'] or '', median(it, 'limit'), median(it, 'ours'), median(it, 'peer'),
                 number(it['ratio']), goal, '' if it['verdict'] == 'told' else it['verdict']]
        yield '| ' + ' | '.join(cells) + ' |'


def goals(findings):
    yield '| goal | met | missed |\n|---|---|---|'
    for name, what in GOALS:
        judged = [it for it in findings if it.get('goes_to') == name and it['verdict'] in ('ok', 'MISSED')]
        missed = [f"{it['what']} ({number(it['ratio'] or it['ours']['median'])})"
                  for it in judged if it['verdict'] == 'MISSED']
        if judged:
            yield f"| {name} {what} | {len(judged) - len(missed)} of {len(judged)} | {', '.join(missed)} |"


def plot(source, folder):
    """An SVG for each series that has more than one size: what it costs, over its size, both on scales of tens."""
    with open(source, encoding='utf-8') as file:
        findings = json.load(file)['findings']
    series = {}
    for it in findings:
        if it.get('series'):
            series.setdefault(it['series'].split(':')[0], {}).setdefault(it['series'], []).append(it)
    os.makedirs(folder, exist_ok=True)
    for name, lines in series.items():
        drawn, blocks = [], []
        for title, points in lines.items():
            for key, words in (('ours', title), ('limit', title + ', limit'), ('peer', title + ', peer')):
                data = sorted((p['size'], p[key]['median']) for p in points if p.get(key))
                if len(data) > 1:
                    drawn.append(f"'-' with linespoints title '{words}'")
                    blocks.append('\n'.join(f'{x} {y}' for x, y in data) + '\ne')
        if drawn:
            unit = next(iter(lines.values()))[0]['unit']
            script = f"set terminal svg size 640,400; set output '{folder}/{name.replace(' ', '_')}.svg'\n" \
                     f"set logscale xy; set ylabel '{unit}'; set key left top\nplot {', '.join(drawn)}\n"
            subprocess.run(['gnuplot'], input=script + '\n'.join(blocks) + '\n', text=True, check=True)


def document(source, page):
    """Replaces what stands in the page behind the mark."""
    with open(source, encoding='utf-8') as file:
        found = json.load(file)
    with open(page, encoding='utf-8') as file:
        text = file.read()
    mark = '<!-- measured -->\n'
    at = text.index(mark) + len(mark)
    conditions_rows = '\n'.join(f'| {key.replace("_", " ")} | {value} |' for key, value in found['conditions'].items())
    parts = [text[:at], '\n## Conditions\n\n| | |\n|---|---|\n' + conditions_rows, '\n## Goals\n',
             *goals(found['findings']), '\n## All findings', *rows(found['findings'])]
    with open(page, 'w', encoding='utf-8') as file:
        file.write('\n'.join(parts) + '\n')


if __name__ == '__main__':
    {'gather': gather, 'plot': plot, 'document': document}[sys.argv[1]](*sys.argv[2:])
