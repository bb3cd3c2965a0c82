# SPDX-License-Identifier: MIT
# C source without comments and without the text of strings, line for line, so that a word that is found is code.
# The names in #include lines stay.
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
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    print out
}
