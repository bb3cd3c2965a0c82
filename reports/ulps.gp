set terminal svg size 620,350 dynamic noenhanced font "sans-serif,13" background rgb "0xffffffff"
set key above vertical maxrows 4 noautotitle
set border 3
set tics nomirror
set grid ytics lc rgb "#888888" lw 0.4
set yrange [0:*]
set xlabel "error below 2^x units in the last place"
set ylabel "elements, %"
{{#series}}
$series{{number}} << END
{{#points}}
{{x}} {{y}}
{{/points}}
END
{{/series}}
array colours[4] = [0x2f78c4, 0xc2571a, 0x3f8f4f, 0x8a5fb5]
plot 0.0 / 0.0 notitle{{#series}}, \
    $series{{number}} using 1:2 with histeps lw 2 lc rgb colours[{{number}} + 1] title "{{title}}"{{/series}}

