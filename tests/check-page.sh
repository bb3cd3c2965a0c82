#!/bin/sh
# SPDX-License-Identifier: MIT
# The page of ttt-report render in a browser, as a desktop and as a phone: no error in the console, every plot and map
# drawn, every link resolves, no name is there twice, nothing wider than the screen, no request leaves the page.
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
        "$verify" --quiet --candidate ref-f64 --case b1h1n64c16f16d32g2 --json "$scratch/double.json" &&
        "$report" render --quiet --output "$scratch/out" "$scratch/run.json" "$scratch/double.json" || exit 1
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
  all("[src], link[href], use, image").forEach(function (e) {
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
  all("input").forEach(function (e) { expect(e.labels.length > 0, "label: of an input"); });
  var filter = document.getElementById("filter"), rows = all("#cases tbody tr");
  filter.value = "ref-bf16";
  filter.dispatchEvent(new Event("input"));
  expect(rows.some(function (r) { return !r.hidden; }) || !rows.length, "filter: shows nothing");
  rows.forEach(function (r) { expect(r.hidden !== r.textContent.includes("ref-bf16"), "filter: wrong row"); });
  document.querySelectorAll("[data-copy]").forEach(function (b) { b.click(); });
  document.title = found.length ? "FOUND " + found.join(" / ") : "FOUND nothing at " + innerWidth;
});
</script>
HTML
    sed '1,/<head>/d' "$page"
} >"$scratch/page.html"

# browse WIDTH FILE: what the checks found, and what the console said.
browse() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
        --user-data-dir="$scratch/profile" --host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --v=0 \
        --window-size="$1,900" --virtual-time-budget=20000 --dump-dom "file://$2" >"$scratch/dom" 2>"$scratch/log"
    grep 'CONSOLE' "$scratch/log" | sed 's/^/console: /'
}

look() {
    said=$(grep -o '<title>FOUND [^<]*' "$scratch/dom")
    if [ "${said#<title>FOUND nothing}" = "$said" ]; then
        echo "$1: ${said:-the checks did not run}" >&2
        failed=1
    fi
}

console=$(browse 1280 "$scratch/page.html")
look 'at 1280'
# A window may not become as narrow as a phone; a frame may, and says its title to the window.
sed -e 's/document\.title = found/parent.postMessage(found/' -e 's/: "FOUND nothing at " + innerWidth;/: "FOUND nothing at " + innerWidth, "*");/' \
    "$scratch/page.html" >"$scratch/framed.html"
cat >"$scratch/phone.html" <<'HTML'
<!doctype html><title>phone</title>
<script>addEventListener("message", function (e) { document.title = e.data; });</script>
<iframe src="framed.html" width="400" height="900"></iframe>
HTML
console=$console$(browse 1280 "$scratch/phone.html")
look 'at 400'
if [ -n "$console" ]; then
    echo "$console" >&2
    failed=1
fi
exit $failed
