# The door. Meson is the build; see meson.build.
#
#   make           builds build/berth
#   make run       installs what the build needs, builds, shows this machine's listeners
#   make test      installs what the tests need, and runs them all
#   make prove     holds predictions against the running kernel (root)
#   make install   to PREFIX (/usr/local), under DESTDIR if that is set; LINKS=yes adds PREFIX/lib/berth/bin
#                  with nc, netstat, lsof and ifconfig

BUILD  ?= build
PREFIX ?= /usr/local
BERTH   = $(BUILD)/berth

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) --prefix=$(PREFIX) -Dtests=disabled -Db_lto=true

build-packages:
	packaging/install-packages packaging/build-packages

test-packages:
	packaging/install-packages packaging/build-packages packaging/test-packages

run: build-packages
	$(MAKE) all
	$(BERTH) list --listeners -o proto,local,owner,reach

test: test-packages
	tests/run

# Predictions against the running kernel: make prove CASES=100000 SEED=7
CASES ?= 20000
SEED  ?= $(shell date +%s)
prove: test-packages
	test -d build-test/gcc || meson setup build-test/gcc
	ninja -C build-test/gcc tests/prove/prove
	build-test/gcc/tests/prove/prove --cases $(CASES) --seed $(SEED) --verbose

check: all
	tests/run quick

# The old tongues as links, in a folder of their own that no PATH has unless somebody puts it there.
LINKS   ?= no
TONGUES  = nc netstat lsof ifconfig
install: all
	meson configure $(BUILD) --prefix=$(PREFIX)
	meson install -C $(BUILD)
	[ "$(LINKS)" != yes ] || install -d $(DESTDIR)$(PREFIX)/lib/berth/bin
	[ "$(LINKS)" != yes ] || for name in $(TONGUES); do \
	    ln -sf ../../../bin/berth $(DESTDIR)$(PREFIX)/lib/berth/bin/$$name; done

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf $(BUILD) build-test

.PHONY: all prove build-packages test-packages run test check install format clean
