# The core as a shared library: it has a SONAME, offers what the public headers declare and nothing else, and the example in
# Python reads a stream by its C interface.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/pkg_config_without.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/exports.cmake)
configure_quietly(-S ${source} -B ${build} -D CMAKE_BUILD_TYPE=Debug -D BUILD_SHARED_LIBS=ON -D MILLRACE_WITH_CLIENT=OFF
  -D MILLRACE_WITH_SERVER=OFF -D MILLRACE_WITH_PROGRAM=OFF)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} COMMAND_ERROR_IS_FATAL ANY)
set(library ${build}/core/libmillrace_core.so)
expect_soname(${library} "libmillrace_core.so.[0-9]+.[0-9]+")
expect_exports(${library}
  OFFERS millrace_parser_feed "millrace::EventStreamParser::feed" "millrace::EventStreamWriter::event" "millrace::is_essence"
  HIDES millrace::utf8:: millrace::find_line_end "anonymous namespace")

find_program(python python3 REQUIRED)
file(WRITE ${build}/stream "id: 7\nevent: created\ndata: two\ndata: lines\n\n: a comment\ndata: é\n\n")
execute_process(COMMAND ${python} ${source}/examples/c/events.py ${library} INPUT_FILE ${build}/stream
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "created: 'two\\nlines' (last event ID '7')\nmessage: 'é' (last event ID '7')\n")
  message(FATAL_ERROR "the example in Python prints: ${output}")
endif()
