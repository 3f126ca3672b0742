// The desk's one script; every page works without it.
"use strict";
