#!/bin/sh
# SPDX-License-Identifier: MIT
# The page of ttt-report render in a browser, as a desktop and as a phone, light and dark: no error in the console, every
# plot and map drawn, every link resolves, no name is there twice, nothing wider than the screen, no request leaves the
# page; for keyboards and screen readers: headings in order, a name for every drawing, table and section, focus in the
# order of reading, and contrast as WCAG 2 asks for (4.5, of large text 3).
# Usage: check-page.sh [report.html]; without one, a page of a short run is made.
set -u
report=${TTT_BUILDDIR:-.}/ttt-report verify=${TTT_BUILDDIR:-.}/ttt-verify
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0
for tool in chromium gnuplot; do
    if ! command -v $tool >/dev/null; then
        echo "SKIP: $tool is not here (Debian, Ubuntu: chromium, gnuplot-nox): the page was not looked at"
        exit 77
    fi
done

page=${1-}
if [ -z "$page" ]; then
    "$verify" --quiet --candidate ref-f32 --candidate ref-bf16 --case b1h2n96c16f16d32g2 --case b1h2n64c16f16d32g2 \
        --json "$scratch/run.json" &&
        "$verify" --quiet --candidate ref-f64 --case b1h1n64c16f16d32g2 --json "$scratch/double.json" || exit 1
    sed -e 's/"candidate": "[^"]*"/"candidate": "wrong-kernel"/' -e '/"name": "G1.tensor"/,/}/s/"value": .*,/"value": 123456,/' \
        -e '/"checks": \[/,/\]/!s/"verdict": "[A-Z]*"/"verdict": "FAIL"/' "$scratch/run.json" >"$scratch/wrong.json" || exit 1
    "$report" render --quiet --output "$scratch/out" "$scratch/run.json" "$scratch/double.json" "$scratch/wrong.json" \
        "${TTT_SRCDIR:-.}"/tests/reports/*.json
    [ $? -eq 1 ] || exit 1
    page=$scratch/out/report.html
fi

# The page, with a script before all others that gathers errors, and one behind that looks at what there is.
{
    sed -n '1,/<head>/p' "$page"
    cat <<'HTML'
<script>
var found = [];
addEventListener("error", function (e) { found.push("error: " + e.message); });
document.addEventListener("securitypolicyviolation", function (e) { found.push("request: " + e.blockedURI); });
addEventListener("load", function () {
  function all(what) { return Array.from(document.querySelectorAll(what)); }
  function expect(holds, text) { if (!holds) found.push(text); }
  all("a[href]").forEach(function (a) {
    var to = a.getAttribute("href");
    expect(to[0] === "#" && document.getElementById(to.slice(1)), "link: " + to);
  });
  all("use").forEach(function (e) {
    var to = e.getAttribute("xlink:href") || "";
    expect(to[0] === "#" && document.getElementById(to.slice(1)) && e.getBoundingClientRect().width > 2, "mark: " + e.outerHTML.slice(0, 80));
  });
  expect(all(".shapes svg").length >= 2, "shapes: there are no charts");
  all(".shapes svg").forEach(function (svg, i) {
    expect(svg.querySelectorAll("use").length >= 2, "shapes: no mark in number " + i);
  });
  all("[src], link[href], image").forEach(function (e) {
    expect((e.getAttribute("href") || "").startsWith("data:"), "request: " + e.outerHTML.slice(0, 80));
  });
  expect(performance.getEntriesByType("resource").length === 0, "request: a resource was fetched");
  expect(all(".plot").length >= 2 && all(".map svg").length >= 2, "plot: there are none");
  all(".plot svg").forEach(function (svg, i) {
    var lines = Array.from(svg.querySelectorAll("path")).filter(function (p) { return p.getTotalLength() > 20; });
    expect(lines.length >= 3, "plot: nothing is drawn in number " + i);
    expect(svg.getBoundingClientRect().height > 100, "plot: no place for number " + i);
  });
  all(".map svg").forEach(function (svg, i) {
    expect(svg.querySelectorAll("rect").length > 0, "map: number " + i + " is empty");
  });
  expect(all(".errors tbody tr").length > 10, "tensors: there are none");
  var names = all("[id]").map(function (e) { return e.id; });
  names.forEach(function (name, i) { expect(names.indexOf(name) === i, "name: twice " + name); });
  expect(document.documentElement.scrollWidth <= innerWidth, "width: " + document.documentElement.scrollWidth + " of " + innerWidth);
  all("[role=img]").forEach(function (e) { expect(e.getAttribute("aria-label"), "label: of " + e.outerHTML.slice(0, 80)); });
  all("svg").forEach(function (e) { expect(e.closest("[role=img], [aria-hidden=true]"), "label: a drawing without a name, " + e.outerHTML.slice(0, 80)); });
  all("section").forEach(function (e) {
    var by = document.getElementById(e.getAttribute("aria-labelledby"));
    expect(e.getAttribute("aria-label") || (by && by.textContent.trim()), "label: of a section, " + e.outerHTML.slice(0, 80));
  });
  expect(document.documentElement.lang && all("main").length === 1 && all("h1").length === 1, "landmarks: lang, main or h1");
  var level = 0;
  all("h1, h2, h3, h4").forEach(function (h) {
    expect(+h.tagName[1] <= level + 1, "heading: " + h.tagName + " after H" + level + ", " + h.textContent);
    level = +h.tagName[1];
  });
  all("table").forEach(function (t) {
    expect(t.querySelector("thead th[scope=col]"), "table: without heads, " + t.textContent.trim().slice(0, 40));
    Array.from(t.querySelectorAll("tbody tr")).forEach(function (r) {
      expect(r.cells.length === t.tHead.rows[0].cells.length, "table: a row of " + r.cells.length + " cells, " + r.textContent.slice(0, 60));
    });
  });
  /* The order of the keyboard is that of the text: nothing asks for another, and none is lost. */
  var reached = all("a[href], button, input, summary");
  expect(reached.length > 5 && reached[0].className === "skip", "focus: the first is not the link to the details");
  reached.forEach(function (e, i) {
    expect(e.tabIndex === 0, "focus: tabindex of " + e.outerHTML.slice(0, 60));
    e.focus();
    expect(document.activeElement === e && getComputedStyle(e).outlineStyle !== "none", "focus: not seen on " + e.outerHTML.slice(0, 60));
  });
  all(".scroll").forEach(function (e) {
    expect(e.scrollWidth <= e.clientWidth || e.tabIndex === 0, "focus: what scrolls is out of reach, " + e.textContent.trim().slice(0, 40));
  });
  all("details").forEach(function (d) { d.open = true; });
  function channels(colour) { return (colour.match(/[0-9.]+/g) || []).map(Number); }
  function light(c) {
    var l = c.slice(0, 3).map(function (x) { x /= 255; return x <= 0.04045 ? x / 12.92 : Math.pow((x + 0.055) / 1.055, 2.4); });
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2];
  }
  function behind(e) {
    for (; e; e = e.parentElement) {
      var c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  }
  var least = 21, texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = {};
  while (texts.nextNode()) {
    var e = texts.currentNode.parentElement, style = getComputedStyle(e);
    if (!texts.currentNode.data.trim() || !e.getClientRects().length || e.closest("script, style, title")) continue;
    var ink = channels(e.closest("svg") ? style.fill : style.color), paper = behind(e), key = ink + "/" + paper + style.fontSize;
    if (seen[key]) continue;
    seen[key] = 1;
    var a = light(ink), b = light(paper), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    var large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && +style.fontWeight >= 700);
    least = Math.min(least, ratio);
    expect(ratio >= (large ? 3 : 4.5), "contrast: " + ratio.toFixed(2) + " of '" + texts.currentNode.data.trim().slice(0, 30) + "' " + ink + " on " + paper);
  }
  expect(Object.keys(seen).length > 5, "contrast: no text was seen");
  all("input").forEach(function (e) { expect(e.labels.length > 0, "label: of an input"); });
  var filter = document.getElementById("filter"), rows = all("#cases tbody tr");
  filter.value = "ref-bf16";
  filter.dispatchEvent(new Event("input"));
  expect(rows.some(function (r) { return !r.hidden; }) || !rows.length, "filter: shows nothing");
  rows.forEach(function (r) { expect(r.hidden !== r.textContent.includes("ref-bf16"), "filter: wrong row"); });
  document.querySelectorAll("[data-copy]").forEach(function (b) { b.click(); });
  document.title = found.length ? "FOUND " + found.join(" / ") : "FOUND nothing at " + innerWidth + ", " + (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
});
</script>
HTML
    sed '1,/<head>/d' "$page"
} >"$scratch/page.html"

# browse FILE SCHEME: what the checks found, and what the console said.  (Chromium numbers the schemes: dark 0, light 1.)
browse() {
    [ "$2" = dark ] && number=0 || number=1
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
        --user-data-dir="$scratch/profile" --host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --v=0 \
        --window-size=1280,900 --blink-settings=preferredColorScheme="$number" --virtual-time-budget=20000 \
        --dump-dom "file://$1" >"$scratch/dom" 2>"$scratch/log"
    grep 'CONSOLE' "$scratch/log" | sed 's/^/console: /'
}

# look WIDTH SCHEME
look() {
    said=$(grep -o '<title>FOUND [^<]*' "$scratch/dom")
    if [ "$said" != "<title>FOUND nothing at $1, $2" ]; then
        echo "at $1, $2: ${said:-the checks did not run}" >&2
        failed=1
    fi
}

# A window may not become as narrow as a phone; a frame may, and says its title to the window.
sed -e 's/document\.title = found/parent.postMessage(found/' -e 's/"dark" : "light");$/"dark" : "light"), "*");/' \
    "$scratch/page.html" >"$scratch/framed.html"
cat >"$scratch/phone.html" <<'HTML'
<!doctype html><title>phone</title>
<script>addEventListener("message", function (e) { document.title = e.data; });</script>
<iframe src="framed.html" width="400" height="900" style="border:0"></iframe>
HTML
console=
for scheme in light dark; do
    console=$console$(browse "$scratch/page.html" $scheme)
    look 1280 $scheme
    console=$console$(browse "$scratch/phone.html" $scheme)
    look 400 $scheme
done
if [ -n "$console" ]; then
    echo "$console" >&2
    failed=1
fi
exit $failed
