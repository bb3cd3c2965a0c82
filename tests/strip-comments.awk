# SPDX-License-Identifier: MIT
# Code as FILE:LINE:text, without comments, without the text of strings and without empty lines, so that a word that is
# found is code.  The names in #include lines stay.
FNR == 1 { in_comment = 0 }
{
    line = $0; out = ""
    include = !in_comment && line ~ /^[ \t]*#[ \t]*include/
    while (line != "") {
        if (in_comment) {
            end = index(line, "*/")
            if (!end)
                break
            line = substr(line, end + 2)
            in_comment = 0
        } else if (line ~ /^\/\*/) {
            line = substr(line, 3)
            in_comment = 1
        } else if (line ~ /^\/\//) {
            break
        } else if (!include && match(line, /^"([^"\\]|\\.)*"/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else if (match(line, /^'([^'\\]|\\.)+'/)) {
            out = out "' '"
            line = substr(line, RLENGTH + 1)
        } else {
            match(line, /^.[^"'\/]*/)
            out = out substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
        }
    }
    if (out ~ /[^ \t]/)
        print FILENAME ":" FNR ":" out
}
