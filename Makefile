# The Lambda layer with the extension, for `sam build`, for serverless.yml and by hand:
#
#     make layer                # target/lambda-layer/lambda-locks-extension-arm64.zip, and the same for
#                               # OS-only runtimes, -os-only-arm64.zip
#     make layer ARCH=x86_64    # the same for the other architecture
#
# And the demo function, for serverless.yml; SAM builds it by itself:
#
#     make function ARCH=arm64  # target/lambda-function/orders-arm64.zip
#
# They need neither Docker nor AWS, only cargo-lambda, which builds for either architecture and for
# a glibc no newer than Lambda's.

ARCH ?= arm64
NAME := lambda-locks-extension
DIR := target/lambda-layer
BUILT := $(DIR)/$(ARCH)
ZIP := $(DIR)/$(NAME)-$(ARCH).zip
OS_ONLY := $(DIR)/$(NAME)-os-only-$(ARCH).zip
SCRIPTS := extension/lambda-layer
FUNCTION := target/lambda-function

flag_arm64 := --arm64
flag_x86_64 := --x86-64
# Lambda starts every file in extensions/, and without --bin cargo-lambda puts there every program
# of the workspace that it finds built.
BUILD = cargo lambda build --release --extension -p $(NAME) --bin $(NAME) $(flag_$(ARCH))

.PHONY: layer function build-ExtensionLayer ready

layer: ready
	rm -rf $(BUILT)
	$(BUILD) --lambda-dir $(BUILT)
	install -m 755 $(SCRIPTS)/opt/lambda-locks $(BUILT)/
	python3 $(SCRIPTS)/pack.py $(BUILT) $(ZIP)
	install -m 755 $(SCRIPTS)/os-only/bootstrap $(BUILT)/
	python3 $(SCRIPTS)/pack.py $(BUILT) $(OS_ONLY)
	@echo "built $(ZIP) and $(OS_ONLY)"

function: ready
	cargo lambda build --release -p orders --bin orders $(flag_$(ARCH)) \
		--output-format zip --lambda-dir $(FUNCTION)/$(ARCH)
	mv $(FUNCTION)/$(ARCH)/orders/bootstrap.zip $(FUNCTION)/orders-$(ARCH).zip
	@echo "built $(FUNCTION)/orders-$(ARCH).zip"

# SAM calls this target, which bears the name of the resource in template.yaml, and packs what it
# then finds in ARTIFACTS_DIR.
build-ExtensionLayer: ready
	$(BUILD) --lambda-dir "$(ARTIFACTS_DIR)"
	install -m 755 $(SCRIPTS)/opt/lambda-locks "$(ARTIFACTS_DIR)/"

ready:
	@test -n "$(flag_$(ARCH))" || \
		{ echo "ARCH is '$(ARCH)'; it must be arm64 or x86_64" >&2; exit 1; }
	@command -v cargo-lambda >/dev/null || \
		{ echo "cargo-lambda is missing; 'pip install cargo-lambda' brings it" >&2; exit 1; }
