#!/usr/bin/env node
import '../bundle/gearmand.js';
