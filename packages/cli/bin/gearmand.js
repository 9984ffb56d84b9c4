#!/usr/bin/env node
import '../dist/gearmand.js';
