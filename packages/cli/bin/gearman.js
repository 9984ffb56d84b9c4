#!/usr/bin/env node
import '../bundle/gearman.js';
