#!/bin/sh
# A program for an OS-only runtime, which finds the Runtime API by its variable alone.
exec "$ORDERS_PYTHON" -m awslambdaric orders.handler
