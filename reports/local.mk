# SPDX-License-Identifier: MIT
# What reports look like: templates that are built into ttt-report, so that it needs no files of its own.
report_templates = \
	reports/growth.gp reports/page.html reports/picture.svg reports/report.md reports/summary.md reports/ulps.gp
EXTRA_DIST += $(report_templates) reports/templates.sh
CLEANFILES += reports/templates.c
reports/templates.c: $(report_templates) reports/templates.sh
	$(AM_V_GEN)$(MKDIR_P) reports && $(SHELL) $(top_srcdir)/reports/templates.sh $(top_srcdir)/reports >$@.tmp && mv $@.tmp $@
