# cpp-httplib, 0.11.4 or newer, as the target millrace::cpp_httplib. The build and those who use what it has installed find
# it in the same way:
#
#   1. MILLRACE_CPP_HTTPLIB_INCLUDE_DIR: the folder of a httplib.h, which is then compiled as it is. Its macros, such as
#      CPPHTTPLIB_OPENSSL_SUPPORT, are MILLRACE_CPP_HTTPLIB_DEFINITIONS.
#   2. pkg-config's cpp-httplib: its flags have the macros that the library was compiled with.
#   3. the CMake package httplib, as vcpkg, Conan and cpp-httplib itself install it.
#
# Whatever it is, it decides the layout of types that Millrace's library and its users share. They must have the same one;
# else the program does not link (millrace/server/built_with.h).
#
# millrace_find_cpp_httplib() makes the target if it finds one, and sets MILLRACE_CPP_HTTPLIB_FROM (header, pkg-config,
# package) and MILLRACE_CPP_HTTPLIB_VERSION.

set(MILLRACE_CPP_HTTPLIB_INCLUDE_DIR "" CACHE PATH "Folder of the httplib.h to compile; empty: the installed cpp-httplib")
set(MILLRACE_CPP_HTTPLIB_DEFINITIONS "" CACHE STRING "Macros for that httplib.h, such as CPPHTTPLIB_OPENSSL_SUPPORT")

# What a header needs to be linked with for one of its macros.
function(_millrace_link_for definition)
  if(definition MATCHES "CPPHTTPLIB_OPENSSL_SUPPORT")
    find_package(OpenSSL REQUIRED)
    target_link_libraries(millrace::cpp_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto)
  elseif(definition MATCHES "CPPHTTPLIB_ZLIB_SUPPORT")
    find_package(ZLIB REQUIRED)
    target_link_libraries(millrace::cpp_httplib INTERFACE ZLIB::ZLIB)
  elseif(definition MATCHES "CPPHTTPLIB_(BROTLI|ZSTD)_SUPPORT")
    set(coding ${CMAKE_MATCH_1})
    set(modules_of_BROTLI libbrotlidec libbrotlienc)
    set(modules_of_ZSTD libzstd)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(MILLRACE_HTTPLIB_${coding} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${modules_of_${coding}})
    target_link_libraries(millrace::cpp_httplib INTERFACE PkgConfig::MILLRACE_HTTPLIB_${coding})
  endif()
endfunction()

function(_millrace_cpp_httplib_is from version)
  set(MILLRACE_CPP_HTTPLIB_FROM ${from} CACHE INTERNAL "")
  set(MILLRACE_CPP_HTTPLIB_VERSION ${version} CACHE INTERNAL "")
  add_library(millrace::cpp_httplib INTERFACE IMPORTED GLOBAL)
  message(STATUS "millrace: cpp-httplib ${version} (${from})")
endfunction()

function(millrace_find_cpp_httplib)
  if(TARGET millrace::cpp_httplib)
    return()
  endif()
  find_package(Threads REQUIRED)
  set(header ${MILLRACE_CPP_HTTPLIB_INCLUDE_DIR}/httplib.h)
  if(MILLRACE_CPP_HTTPLIB_INCLUDE_DIR)
    if(NOT EXISTS ${header})
      message(FATAL_ERROR "MILLRACE_CPP_HTTPLIB_INCLUDE_DIR: there is no httplib.h in ${MILLRACE_CPP_HTTPLIB_INCLUDE_DIR}")
    endif()
    file(STRINGS ${header} line REGEX "#define CPPHTTPLIB_VERSION \"")
    string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${line}")
    _millrace_cpp_httplib_is(header "${version}")
    target_include_directories(millrace::cpp_httplib INTERFACE ${MILLRACE_CPP_HTTPLIB_INCLUDE_DIR})
    target_compile_definitions(millrace::cpp_httplib INTERFACE ${MILLRACE_CPP_HTTPLIB_DEFINITIONS})
    target_link_libraries(millrace::cpp_httplib INTERFACE Threads::Threads)
    foreach(definition IN LISTS MILLRACE_CPP_HTTPLIB_DEFINITIONS)
      _millrace_link_for(${definition})
    endforeach()
    return()
  endif()
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(MILLRACE_HTTPLIB QUIET IMPORTED_TARGET GLOBAL cpp-httplib>=0.11.4)
  endif()
  if(TARGET PkgConfig::MILLRACE_HTTPLIB)
    _millrace_cpp_httplib_is(pkg-config ${MILLRACE_HTTPLIB_VERSION})
    target_link_libraries(millrace::cpp_httplib INTERFACE PkgConfig::MILLRACE_HTTPLIB Threads::Threads)
    return()
  endif()
  find_package(httplib CONFIG QUIET GLOBAL)
  if(httplib_FOUND AND NOT httplib_VERSION VERSION_LESS 0.11.4)
    _millrace_cpp_httplib_is(package ${httplib_VERSION})
    target_link_libraries(millrace::cpp_httplib INTERFACE httplib::httplib Threads::Threads)
  endif()
endfunction()
