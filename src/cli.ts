#!/usr/bin/env bun
import { runCli } from './cli/index.ts';

process.umask(0o077); // what we write is for its owner
await runCli(process.argv.slice(2));
