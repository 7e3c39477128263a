"""Processor time per document, ours beside pydantic-ai: compare.py BENCH [DOCUMENTS].

BENCH is the program of the bench `pipeline_throughput`; it serves both. Each side runs DOCUMENTS (400)
and twice as many documents; the difference leaves out what happens once.
"""

import os
import subprocess
import sys
import time
from pathlib import Path


def measure(command: list[str]) -> tuple[float, float]:
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{command} ended with {status}"
    return used.ru_utime + used.ru_stime, time.monotonic() - begun


def main() -> None:
    bench = sys.argv[1]
    documents = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    server = subprocess.Popen(
        [bench],
        env=os.environ | {"DUOLOGUE_BENCH_SERVER_DELAY_MS": "50"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    peer = [sys.executable, str(Path(__file__).with_name("pipeline.py"))]
    figures = {}
    for name, command in [("duologue", [bench, "exactly"]), ("pydantic-ai", peer)]:
        once, _ = measure([*command, url, str(documents)])
        twice, seconds = measure([*command, url, str(2 * documents)])
        figures[name] = (twice - once) / documents
        print(f"{name:12} {1000 * figures[name]:7.2f} ms of processor time per document, {2 * documents / seconds:6.1f} documents/s")
    print(f"pydantic-ai takes {figures['pydantic-ai'] / figures['duologue']:.1f} times as much")
    server.stdin.close()
    server.wait()


if __name__ == "__main__":
    main()
