set terminal svg size 620,350 dynamic noenhanced font "sans-serif,13" background rgb "0xffffffff"
set key above vertical maxrows 3 noautotitle
set border 3
set tics nomirror
set grid ytics lc rgb "#888888" lw 0.4
set logscale y
set xrange [0:*]
set xlabel "step"
set ylabel "loss"
{{#series}}
$series{{number}} << END
{{#points}}
{{x}} {{y}}
{{/points}}
END
{{/series}}
array colours[3] = [0x2f78c4, 0xc2571a, 0x3f8f4f]
plot 0.0 / 0.0 notitle{{#series}}, \
    $series{{number}} using 1:2 with lines lw 3 - {{number}} * 0.8 dt {{number}} + 1 lc rgb colours[{{number}} + 1] title "{{title}}"{{/series}}

