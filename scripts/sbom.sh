#!/bin/sh
# Prints a software bill of materials (CycloneDX, JSON) of the package as it is installed.
# Usage: scripts/sbom.sh FOLDER   (a folder that the packed package was installed into with npm)
set -eu
version() { node -p 'require(process.argv[1]).version' "$1"; }
modules=$(cd "$1" && pwd)/node_modules
runtime=$(version "$modules/virnucpro/dist/onnxruntime-node/package.json")
cd "$1"
# What is part of the package is no dependency that npm knows of.
npm sbom --sbom-format=cyclonedx --sbom-type=application | node -e '
  const bom = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
  const inside = bom.components.find(({ name }) => name === "virnucpro")
  const purl = `pkg:npm/onnxruntime-node@${process.argv[1]}`
  inside.components = [
    { "bom-ref": purl, type: "library", name: "onnxruntime-node", version: process.argv[1], purl, licenses: [{ license: { id: "MIT" } }] },
  ]
  console.log(JSON.stringify(bom, null, 2))
' "$runtime"
