"""Embeds proteins with a running server; needs nothing but Python. Usage: embed.py [http://HOST:PORT] PROTEIN..."""
import json
import sys
from urllib.request import urlopen

url = sys.argv.pop(1) if sys.argv[1].startswith("http") else "http://127.0.0.1:8000"
proteins = sys.argv[1:]
tensor = {"name": "sequences", "datatype": "BYTES", "shape": [len(proteins)], "data": proteins}
request = json.dumps({"inputs": [tensor]}).encode()
output = json.load(urlopen(f"{url}/v2/models/esm2_sequence/infer", request))["outputs"][0]
rows, width = output["shape"]
for row in range(rows):
    print(*output["data"][row * width : (row + 1) * width])
