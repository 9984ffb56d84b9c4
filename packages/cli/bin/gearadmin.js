#!/usr/bin/env node
import '../bundle/gearadmin.js';
