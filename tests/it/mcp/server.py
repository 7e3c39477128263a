"""A small MCP server over standard input and output that misbehaves as its first argument says."""

import json
import os
import signal
import subprocess
import sys
import time

habit = sys.argv[1]
marks = sys.argv[2]


def mark(line):
    with open(marks, "a") as file:
        file.write(line + "\n")


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tool(name, read_only=True, schema=None):
    schema = schema or {"type": "object", "properties": {"text": {"type": "string"}}}
    hints = {"readOnlyHint": read_only}
    return {"name": name, "description": f"The tool {name}.", "inputSchema": schema, "annotations": hints}


def tools(cursor):
    if habit == "none":
        return {"tools": []}
    if habit == "twice":
        return {"tools": [tool("look"), tool("look"), tool("look.at"), tool("look_at")]}
    if habit == "broken-schema":
        return {"tools": [tool("look"), tool("odd", schema={"type": "no such type"})]}
    if habit == "many":
        start = int(cursor or 0)
        return {"tools": [tool(f"t{start + n}") for n in range(300)], "nextCursor": str(start + 300)}
    if habit == "endless":
        return {"tools": [], "nextCursor": "again"}
    if habit == "pages":
        pages = {None: ("look", "1"), "1": ("act", "2"), "2": ("last", None)}
        name, following = pages[cursor]
        return {"tools": [tool(name)], **({"nextCursor": following} if following else {})}
    return {"tools": [tool("look"), tool("act", read_only=False)]}


def call(message):
    text = message["params"].get("arguments", {}).get("text", "")
    if habit == "dies" or (habit == "dies-once" and starts == 1):
        print("the disk is on fire", file=sys.stderr)
        print(f"token {os.environ.get('SECRET_TOKEN')}", file=sys.stderr, flush=True)
        os._exit(3)
    if habit == "hangs":
        return None
    if habit == "long-line":
        piece = "x" * (1024 * 1024)
        for _ in range(100):
            sys.stdout.write(piece)
        sys.stdout.write("\n")
        sys.stdout.flush()
        return None
    if habit == "not-json":
        sys.stdout.write('{"jsonrpc": "2.0", "id": 1, "resu\n')
        sys.stdout.flush()
        return None
    if habit == "chatters":
        while True:
            sys.stdout.write("nothing that anybody asked for\n" * 1000)
            sys.stdout.flush()
    if habit == "refuses":
        return {"error": {"code": -32602, "message": "not with me"}}
    if habit == "environment":
        return {"result": {"content": [{"type": "text", "text": json.dumps(dict(os.environ))}]}}
    return {"result": {"content": [{"type": "text", "text": f"{text} from {os.getpid()}"}]}}


mark(f"start {os.getpid()}")
with open(marks) as file:
    starts = sum(line.startswith("start") for line in file)
if habit == "mute":
    print("I shall not speak", file=sys.stderr, flush=True)
    time.sleep(600)
if habit == "exits":
    print("no such table: tides", file=sys.stderr, flush=True)
    sys.exit(7)
if habit == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"])
    mark(f"child {child.pid}")
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        answer = {"result": {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "odd", "version": "1"},
        }}
    elif method == "tools/list":
        answer = {"result": tools(message.get("params", {}).get("cursor"))}
    elif method == "tools/call":
        mark("call " + message["params"]["name"])
        answer = call(message)
    else:
        if method == "notifications/cancelled":
            mark("cancelled")
        continue
    if answer is not None:
        send({"jsonrpc": "2.0", "id": message["id"], **answer})
mark("input closed")
if habit == "stubborn":
    time.sleep(600)
