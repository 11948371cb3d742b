#!/bin/sh
# Writes the core as one header: core/single_header.sh VERSION >millrace_parser.h
#
# It has the parser, the writer and the client's state machine, with what they need and nothing else. Where it is included,
# only declarations are seen; one source of a program defines MILLRACE_PARSER_IMPLEMENTATION before.
set -eu
cd "$(dirname "$0")"
version=$1
headers='event_stream_parser event_stream_writer event_source_state method owned retry_after'

# The files in the order in which they have to come, each once: a header behind those that it includes.
exec awk -v version="$version" -v headers="$headers" '
function path_of(include) {
  return include ~ /^millrace\// ? "include/" include : "src/" include
}
function exists(file,   line, found) {
  found = (getline line < file) >= 0
  close(file)
  return found
}
# Collects what stands before, and then the text itself.
function take(file,   line, depth, text, name) {
  if (file in taken) return
  taken[file] = 1
  while ((getline line < file) > 0) {
    if (line ~ /^#pragma once/) continue
    if (line ~ /^#if/) ++depth
    if (line ~ /^#endif/) --depth
    if (line ~ /^#include "/) {
      name = line
      gsub(/^#include "|"$/, "", name)
      take(path_of(name))
      continue
    }
    if (line ~ /^#include </ && !depth) {
      if (!(line in system_headers)) { system_headers[line] = 1; order[++count] = line }
      continue
    }
    text = text line "\n"
  }
  close(file)
  sub(/^\n+/, "", text)
  while (text ~ /\n\n\n/) gsub(/\n\n\n/, "\n\n", text)
  name = file
  sub(/.*\//, "", name)
  if (file ~ /\.cpp$/ || file ~ /^src\//) code = code "// --- " name "\n\n" text "\n"
  else declarations = declarations "// --- " name "\n\n" text "\n"
  # What it declares is defined in the source of the same name.
  sub(/\.h$/, "", name)
  if (file ~ /\.h$/ && exists("src/" name ".cpp")) sources[++source_count] = "src/" name ".cpp"
}
BEGIN {
  count = split(headers, roots, " ")
  root_count = count
  count = 0
  for (i = 1; i <= root_count; ++i) take("include/millrace/core/" roots[i] ".h")
  for (i = 1; i <= source_count; ++i) take(sources[i])
  print "// Millrace " version ": Server-Sent Events, both ends of the format, in one header."
  print "//"
  print "// EventStreamParser reads a stream, EventStreamWriter writes one, EventSourceState decides what a client does next. C++20,"
  print "// no dependencies, no I/O. Include it anywhere; in exactly one source of the program write before it:"
  print "//"
  print "//   #define MILLRACE_PARSER_IMPLEMENTATION"
  print "//"
  while ((getline line < "../LICENSE") > 0) print line == "" ? "//" : "// " line
  print "#ifndef MILLRACE_PARSER_H"
  print "#define MILLRACE_PARSER_H"
  print ""
  for (i = 1; i <= count; ++i) print order[i]
  print ""
  printf "%s", declarations
  print "#endif  // MILLRACE_PARSER_H"
  print ""
  print "#if defined(MILLRACE_PARSER_IMPLEMENTATION) && !defined(MILLRACE_PARSER_IMPLEMENTED)"
  print "#define MILLRACE_PARSER_IMPLEMENTED"
  print ""
  printf "%s", code
  print "#endif  // MILLRACE_PARSER_IMPLEMENTATION"
}'
