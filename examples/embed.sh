#!/bin/sh
# Embeds one DNA sequence with a running server; needs nothing but curl. Usage: embed.sh DNA [http://HOST:PORT]
# Prints the answer of the server as JSON: .outputs[0].data holds the embedding.
set -eu
exec curl --silent --show-error --fail-with-body "${2:-http://127.0.0.1:8000}/v2/models/dnabert_s_sequence/infer" --data-binary \
  "{\"inputs\": [{\"name\": \"sequences\", \"datatype\": \"BYTES\", \"shape\": [1], \"data\": [\"$1\"]}]}"
