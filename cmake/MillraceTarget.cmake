# Settings that every target of Millrace shares. Nothing of them is in the interface of a library, except that its headers
# need C++20 (and, in a build with sanitizers, that its users link their runtime).
function(millrace_target target)
  get_target_property(type ${target} TYPE)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(NOT EMSCRIPTEN)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/threads ${PROJECT_SOURCE_DIR}/sockets)
  endif()
  if(NOT EMSCRIPTEN AND NOT type STREQUAL "EXECUTABLE")
    # For shared objects, too. Without interposition the compiler may inline as in a program.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${target} PRIVATE -fno-semantic-interposition)
  endif()
  if(WIN32)
    # Windows' headers define `min`, `max` and much else if they are let.
    target_compile_definitions(${target} PRIVATE NOMINMAX WIN32_LEAN_AND_MEAN)
  endif()
  if(MILLRACE_DEVELOPER_MODE)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                             -Wold-style-cast -Wimplicit-fallthrough)
    # An optimizer's false alarm must not stop benchmarks: `./run check release` has its warnings as errors.
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Release>>:-Werror>)
    # GCC 12 takes a string that is inserted into another for one that overlaps it, once it optimizes.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
    # Bounds and preconditions of the standard library, except in what is measured.
    target_compile_definitions(${target} PRIVATE $<$<NOT:$<CONFIG:Release,MinSizeRel>>:_GLIBCXX_ASSERTIONS>)
  endif()
  if(MILLRACE_HARDENING AND NOT MILLRACE_SANITIZE)
    millrace_hardening(${target} ${type})
  endif()
  if(MILLRACE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    # GCC warns of what is not so once it instruments.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(${target} PUBLIC -fsanitize=${MILLRACE_SANITIZE})
  endif()
endfunction()

# The compiler's checks go into all code that a program runs, the libraries' included. In a debug build they would be for
# nothing: those of _FORTIFY_SOURCE need optimization.
function(millrace_hardening target type)
  target_compile_options(${target} PRIVATE
    $<$<NOT:$<CONFIG:Debug>>:-fstack-protector-strong;-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_options(${target} PRIVATE LINKER:-z,relro,-z,now,-z,noexecstack)
  endif()
endfunction()
