# SPDX-License-Identifier: MIT
# The package for PyTorch has a build of its own (pip); here it is only shipped.  tests/check-python.sh tries it.
EXTRA_DIST += \
	python/README.md python/pyproject.toml python/setup.py \
	python/test_time_training/__init__.py \
	python/tests/test_on_device.py python/tests/test_ttt_tk.py \
	python/ttt_tk/__init__.py python/ttt_tk/_checks.py python/ttt_tk/_library.py python/ttt_tk/_op.py \
	python/ttt_tk/_passes.py python/ttt_tk/_public.py
