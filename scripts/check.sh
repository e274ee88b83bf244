#!/usr/bin/env bash
# Formatting and the rooms' imports.
source "$(dirname "$0")/common.sh"

swift format lint --strict --parallel --recursive Sources Tests Benchmarks Package.swift
say "the formatting is right"
scripts/test.sh ArchitectureTests
