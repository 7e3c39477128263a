"""The smallest MCP server that is of use: two tools over standard input and output."""

import json
import sys

HARBOUR = {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]}
TOOLS = [
    {
        "name": "high_water",
        "description": "Says when the tide is high in a harbour.",
        "inputSchema": HARBOUR,
        "annotations": {"readOnlyHint": True},
    },
    {"name": "book_boat", "description": "Books a boat in a harbour.", "inputSchema": HARBOUR},
]


def result_of(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tides", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        harbour = params["arguments"]["harbour"]
        return {"content": [{"type": "text", "text": f"High water in {harbour} at 06:12."}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        answer = result_of(message["method"], message.get("params", {}))
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer}), flush=True)
