# Runs packaging/vcpkg/millrace/portfile.cmake: what vcpkg's functions do is done here, as their documentation has it, so
# that the port is read as vcpkg reads it. Only the release half is built. Then a program is built on the result.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../parts/pkg_config_without.cmake)

set(PORT millrace)
set(VERSION 0.1.0)
set(CURRENT_PACKAGES_DIR ${build}/packages/millrace_x64-linux)
set(FEATURES core ${features})
file(REMOVE_RECURSE ${CURRENT_PACKAGES_DIR})

function(vcpkg_download_distfile archive)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILENAME;SHA512" "URLS")
  if(NOT arg_URLS OR NOT arg_FILENAME STREQUAL "millrace-${VERSION}.tar.gz" OR NOT DEFINED arg_SHA512)
    message(FATAL_ERROR "vcpkg_download_distfile needs URLS, FILENAME and SHA512")
  endif()
  set(${archive} archive PARENT_SCOPE)
endfunction()

function(vcpkg_extract_source_archive path)
  set(${path} ${source} PARENT_SCOPE)
endfunction()

function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_FEATURE_OPTIONS" "FEATURES")
  set(options)
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature option)
    if(feature IN_LIST FEATURES)
      list(APPEND options -D${option}=ON)
    else()
      list(APPEND options -D${option}=OFF)
    endif()
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_find_acquire_program program)
  find_program(found pkg-config REQUIRED)
  set(${program} ${found} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  configure_quietly(-S ${arg_SOURCE_PATH} -B ${build}/x64-linux-rel -D CMAKE_BUILD_TYPE=Release -D BUILD_SHARED_LIBS=OFF
    -D CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} -D CMAKE_INSTALL_LIBDIR=lib -D CMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON
    -D CMAKE_FIND_PACKAGE_NO_PACKAGE_REGISTRY=ON ${trial_flags} ${arg_OPTIONS})
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
  endif()
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${build}/x64-linux-rel COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${build}/x64-linux-rel OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# What find_package reads moves to share/, one folder nearer to the prefix.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  file(MAKE_DIRECTORY ${CURRENT_PACKAGES_DIR}/share)
  file(RENAME ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/${PORT})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/share/${PORT}/*.cmake)
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(REPLACE "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)"
      "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\nget_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)" text "${text}")
    string(REPLACE "/../../../\" ABSOLUTE" "/../../\" ABSOLUTE" text "${text}")
    file(WRITE ${file} "${text}")
  endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  configure_file(${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright COPYONLY)
endfunction()

set(port ${source}/packaging/vcpkg/millrace)
# file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage") names the port's folder: include() sets it.
include(${port}/portfile.cmake)

# Its own checks after a build: no empty folder, no absolute path, nothing below lib/cmake, a licence.
list(TRANSFORM FEATURES PREPEND lib/libmillrace_ OUTPUT_VARIABLE libraries)
list(TRANSFORM libraries APPEND .a)
foreach(file IN ITEMS share/millrace/copyright share/millrace/usage share/millrace/millrace-config.cmake ${libraries})
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "the port does not install ${file}")
  endif()
endforeach()
foreach(file IN ITEMS lib/libmillrace_nats.a lib/libmillrace_jwt.a include/millrace/server/stores/jetstream.h bin)
  if(EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "the port installs ${file}, for which no feature asked")
  endif()
endforeach()
execute_process(COMMAND grep --recursive --files-with-matches --fixed-strings ${CURRENT_PACKAGES_DIR}
  ${CURRENT_PACKAGES_DIR} OUTPUT_VARIABLE absolute)
if(absolute)
  message(FATAL_ERROR "these files have absolute paths: ${absolute}")
endif()

if(NOT features)
  configure_quietly(-S ${source}/tests/parts/core_consumer -B ${build}/consumer -D CMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}
    -D millrace_components=core)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${output}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${build}/consumer COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${build}/consumer/core_consumer COMMAND_ERROR_IS_FATAL ANY)
  return()
endif()
configure_quietly(-S ${source}/tests/install/consumer -B ${build}/consumer -D CMAKE_PREFIX_PATH=${CURRENT_PACKAGES_DIR}
  -D millrace_version=${VERSION} -D millrace_include=${CURRENT_PACKAGES_DIR}/include)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build}/consumer --target consumer COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${build}/consumer/consumer COMMAND_ERROR_IS_FATAL ANY)
