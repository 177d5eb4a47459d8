#!/bin/sh
# Everything that a new version needs before its processes start. Safe to run again, and beside the old version.
set -e
python manage.py migrate --noinput
python manage.py load_catalog
# Runners such as honcho start every line of the Procfile and stop them all when one ends: stay, if one started us.
if [ -n "$HONCHO_PROCESS_NAME$PS" ]; then
    echo "The release step is done."
    exec sleep infinity
fi
