# Lists what the core's headers and sources include, and fails on anything that is not named here. Object files alone do
# not show it: what a header brings along ends up in its users'.
cmake_minimum_required(VERSION 3.25)

set(allowed_headers
  algorithm charconv chrono compare cstddef cstdint cstring stddef.h stdint.h functional limits memory optional string string_view type_traits utility vector
  emmintrin.h wasm_simd128.h)

file(GLOB_RECURSE files ${core}/*.h ${core}/*.cpp)
if(NOT files)
  message(FATAL_ERROR "There is nothing in ${core}")
endif()
foreach(file IN LISTS files)
  file(RELATIVE_PATH name ${core} ${file})
  file(STRINGS ${file} lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS lines)
    if(line MATCHES "<([^>]+)>" AND CMAKE_MATCH_1 IN_LIST allowed_headers)
      continue()
    endif()
    if(line MATCHES "\"([^\"]+)\"")
      # The core's own: public ones by their full name, private ones from sources only.
      set(included ${CMAKE_MATCH_1})
      if(included MATCHES "^(millrace/core/|millrace_core.h$)" AND EXISTS ${core}/include/${included})
        continue()
      endif()
      if(name MATCHES "^src/" AND EXISTS ${core}/src/${included})
        continue()
      endif()
    endif()
    list(APPEND foreign "${name}: ${line}")
  endforeach()
endforeach()
if(foreign)
  list(JOIN foreign "\n  " foreign)
  message(FATAL_ERROR "The core includes only what tests/purity/core_includes.cmake names, but:\n  ${foreign}")
endif()
