#!/usr/bin/env python3
"""bench/draw_store.py RESULTS.json OUT.svg: claim and status cost over the number of trials, by gnuplot (OUT.png works too)."""
import json
import subprocess
import sys

results, out = sys.argv[1:3]
rows = json.load(open(results))["claims"]
lines = [(r["trials"], r["claim_ms"]["median"], r["finish_ms"]["median"], r["heartbeat_ms"]["median"],
          r["view_ms"]["median"], 1000 * r["status_seconds"]) for r in rows]
data = "\n".join(" ".join(map(str, line)) for line in lines)
terminal = "png size 900,520" if out.endswith(".png") else "svg size 900,520 font 'sans,13' background 'white'"
titles = ["claim", "end of a trial", "heartbeat", "status, the query", "status, the whole command"]
plots = ", ".join(f"$d using 1:{i + 2} with linespoints lw 2 pt 7 ps 0.6 title '{t}'" for i, t in enumerate(titles))
script = f"""
set terminal {terminal}
set output '{out}'
$d << EOD
{data}
EOD
set logscale xy
set xlabel 'trials in the study'
set ylabel 'milliseconds (median)'
set format x '%.0f'
set yrange [0.01:1000]
set grid ytics lc rgb '#dddddd'
set key below maxcols 3
set arrow from 100,200 to 100000,200 nohead dt 2 lc rgb '#888888'
set label 'asked for: status in 200 ms' at 110,290 tc rgb '#666666'
plot {plots}
"""
subprocess.run(["gnuplot"], input=script, text=True, check=True)
