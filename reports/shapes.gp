set terminal svg size 620,350 dynamic noenhanced font "sans-serif,13" background rgb "0xffffffff"
set key above vertical maxrows 3 noautotitle
set border 3
set tics nomirror
set grid lc rgb "#888888" lw 0.4
set logscale x
set xrange [0.8:*]
set xlabel "tokens"
set ylabel "{{about}}"
{{^sizes}}
set logscale y
set yrange [0.8:*]
{{/sizes}}
{{#top}}
set yrange [0.5:{{top}}.5]
set ytics ()
{{/top}}
{{#sizes}}
set ytics add ("{{sizes}}" {{at}})
{{/sizes}}
{{#series}}
$series{{number}} << END
{{#points}}
{{.}}
{{/points}}
END
{{/series}}
# Skipped; passed, in both directions, forward, backward; the same of data that see not all; ill-conditioned; failed.
array marks[9] = [1, 7, 9, 11, 6, 8, 10, 12, 2]
array colours[9] = [0x808080, 0x2f78c4, 0x2f78c4, 0x2f78c4, 0x2f78c4, 0x2f78c4, 0x2f78c4, 0x8a5fb5, 0xd0393f]
plot 0.0 / 0.0 notitle{{#series}}, \
    $series{{number}} using 1:2 with points pt marks[{{number}} + 1] ps {{number}} == 8 ? 1.3 : 0.9 lc rgb colours[{{number}} + 1] title "{{title}}"{{/series}}

