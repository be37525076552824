# SPDX-License-Identifier: MIT
"""What the benches found: performance.py gather LINES FILE puts their lines and the conditions into one file."""
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


if __name__ == '__main__':
    {'gather': gather}[sys.argv[1]](*sys.argv[2:])
