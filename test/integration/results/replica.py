"""The tables of contigs and chunks once more, in plain Python. Reads cases as JSON, prints the tables as JSON."""

import json
import math
import sys


def decimals(x):
    n = math.floor(abs(x) * 10000 + 0.5)
    return ("-" if x < 0 and n > 0 else "") + f"{n // 10000}.{n % 10000:04d}"


def call_of(rule, chunks, weighted):
    viral = sum(v >= o for v, o in chunks)
    if rule["call"] == "any":
        return "viral" if viral else "non_viral"
    if rule["call"] == "majority":
        return "viral" if viral > len(chunks) / 2 else "non_viral" if viral < len(chunks) / 2 else "ambiguous"
    if weighted > rule["callDelta"]:
        return "viral"
    return "non_viral" if weighted < -rule["callDelta"] else "ambiguous"


def tier_of(rule, chunks, weighted, call):
    if call == "ambiguous":
        return "review"
    support = weighted if call == "viral" else -weighted
    tiers = ["high", "moderate", "low", "review"]
    tier = 3
    for name, least in ((2, "callLow"), (1, "callModerate"), (0, "callHigh")):
        if support >= rule[least]:
            tier = name
    if tier == 3:
        return "review"
    clear = [
        (v, o) if call == "viral" else (o, v)
        for v, o in chunks
        if not (v > rule["callBoth"] and o > rule["callBoth"])
    ]
    of_call = sum(mine > rule["callConfident"] and other < rule["callOpposing"] for mine, other in clear)
    if rule["callShare"] > 0 and (of_call == 0 or of_call / len(clear) < rule["callShare"]):
        tier = max(tier, 2)
    if len(chunks) < rule["callChunks"]:
        tier += 1
    return tiers[tier]


def tables(case):
    rule, contigs, rows = case["rule"], [], []
    for record in case["records"]:
        scored, failed, silent = [], 0, []
        for n, chunk in enumerate(record["chunks"], 1):
            row = [record["id"], n, chunk["start"] + 1, chunk["end"], len(chunk["frames"])]
            good = [frame for frame in chunk["frames"] if frame[1] is not None]
            failed += len(chunk["frames"]) - len(good)
            if good:
                virus = max(v for _, v, _ in good)
                others = max(o for _, _, o in good)
                best = next(name for name, v, _ in good if v == virus)
                call = "viral" if virus >= others else "non_viral"
                reason = "NA" if len(good) == len(chunk["frames"]) else "frames_failed"
                row += [best, decimals(virus), decimals(others), call, "scored", reason]
                scored.append((virus, others))
            elif chunk["frames"]:
                row += ["NA"] * 4 + ["failed", "failed"]
            else:
                row += ["NA"] * 4 + ["not_scored", chunk["silence"]]
                silent.append(chunk["silence"])
            rows.append("\t".join(map(str, row)))
        row = [record["id"], record["length"], len(record["chunks"]), len(scored)]
        row.append(sum(v >= o for v, o in scored))
        if scored:
            deltas = [v - o for v, o in scored]
            weights = [math.sqrt(abs(d)) for d in deltas]
            weighted, total = 0.0, 0.0
            for d, w in zip(deltas, weights):
                weighted += d * w
                total += w
            weighted = weighted / total if total else 0.0
            call = call_of(rule, scored, weighted)
            row += [decimals(row[4] / len(scored))]
            row += [decimals(math.fsum(x) / len(scored)) for x in zip(*scored)]
            row += [decimals(weighted), call, tier_of(rule, scored, weighted, call), "scored"]
            row.append("frames_failed" if failed else "NA")
        elif failed:
            row += ["NA"] * 6 + ["failed", "failed"]
        else:
            order = ["no_open_frame", "ambiguous_bases", "too_short"]
            row += ["NA"] * 6 + ["not_scored", next(reason for reason in order if reason in silent)]
        contigs.append("\t".join(map(str, row)))
    return {"contigs": contigs, "chunks": rows}


print(json.dumps([tables(case) for case in json.load(open(sys.argv[1]))]))
