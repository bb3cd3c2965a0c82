set terminal svg size 620,350 dynamic noenhanced font "sans-serif,13" background rgb "0xffffffff"
set key above vertical maxrows 4 width -2 noautotitle
set border 3
set tics nomirror
set grid ytics lc rgb "#888888" lw 0.4
set xrange [0:100]
set logscale y
set format y "%.0e"
set xlabel "part of the sequence, %"
set ylabel "relative error"
{{#series}}
$series{{number}} << END
{{#points}}
{{x}} {{y}}
{{/points}}
END
{{/series}}
colour(i) = i / 2 == 0 ? 0x2f78c4 : 0xc2571a
plot 0.0 / 0.0 notitle{{#series}}, \
    $series{{number}} using 1:2 with lines lw {{number}} % 2 == 0 ? 2.5 : 1.5 dt {{number}} % 2 == 0 ? 1 : 2 lc rgb colour({{number}}) title "{{title}}"{{/series}}

