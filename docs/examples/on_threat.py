"""Runs a command for each contact that somebody tags `threat`, and hands it a sentence without number and text.

    python3 on_threat.py mail -s "A threat" her@example.org
    python3 on_threat.py sh -c "pinctrl set 17 op dh; sleep 60; pinctrl set 17 op dl"

It needs nothing but Python. It looks at the newest contact when it starts, too. docs/json.md says what an object has.
"""

import json
import subprocess
import sys

told = set()
log = subprocess.Popen(["hotlined", "log", "--follow", "--json", "-n", "1"], stdout=subprocess.PIPE, text=True)
for line in log.stdout:  # a contact comes again whenever something about it has changed
    contact = json.loads(line)
    if "threat" in contact["tags"] and contact["id"] not in told:
        told.add(contact["id"])
        sentence = f"Contact {contact['id']} of line {contact['line']} is a threat: hotlined show {contact['id']}\n"
        subprocess.run(sys.argv[1:], input=sentence, text=True, check=False)
