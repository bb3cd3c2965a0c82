# SPDX-License-Identifier: MIT
# What reports look like: templates that are built into ttt-report, so that it needs no files of its own.
report_templates = \
	reports/gap.gp reports/growth.gp reports/loss.gp reports/page.html reports/picture.svg reports/report.md \
	reports/shapes.gp reports/summary.md reports/ulps.gp
EXTRA_DIST += $(report_templates) reports/templates.sh
CLEANFILES += reports/templates.c
reports/templates.c: $(report_templates) reports/templates.sh
	$(AM_V_GEN)$(MKDIR_P) reports && $(SHELL) $(top_srcdir)/reports/templates.sh $(top_srcdir)/reports >$@.tmp && mv $@.tmp $@

# What a release publishes: make release-report VERSION=0.1.0, which writes reports/VERSION/ of the source tree.
# RELEASE_SUITE=standard takes minutes, release hours.  RELEASE_CANDIDATES: of ttt-verify and ttt-bench; none: the best
# that are here.  RELEASE_EXTRA: more reports for the page, of names that none made here has (of ttt-verify and ttt-bench
# on another machine, check-mutants, compare-criteria, power-curves, false-alarms, the training check, ttt-fuzz).
RELEASE_SUITE = release
RELEASE_CANDIDATES =
RELEASE_BENCH = b1h48n2048c64f64d256g16 eps=1e-8 dist=model
RELEASE_EXTRA =
EXTRA_DIST += reports/readme.sh reports/redraw-report.sh reports/release-report.sh reports/0.1.0
release-report: ttt-verify$(EXEEXT) ttt-bench$(EXEEXT) ttt-report$(EXEEXT)
	$(top_srcdir)/reports/release-report.sh '$(VERSION)' '$(RELEASE_SUITE)' '$(RELEASE_CANDIDATES)' '$(RELEASE_BENCH)' \
	    '$(abs_top_srcdir)' $(RELEASE_EXTRA)
# The same pages again from the JSON that is published, after a change of how they look: make redraw-report VERSION=0.1.0.
redraw-report: ttt-report$(EXEEXT)
	$(top_srcdir)/reports/redraw-report.sh '$(VERSION)' '$(abs_top_srcdir)' '$(abs_builddir)/ttt-report'
.PHONY: release-report redraw-report
