# What `cmake --install` lays down, in two parts: the program, and what programs are built with (libraries, public
# headers, and what find_package(millrace) and pkg-config read).
include(CMakePackageConfigHelpers)

set(MILLRACE_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)
set(MILLRACE_PKG_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS millrace_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/millrace COMPONENT program)

install(TARGETS millrace_core millrace_server millrace_client EXPORT millrace-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
foreach(folder IN ITEMS core server client-native)
  install(DIRECTORY ${folder}/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmillrace-dev COMPONENT development)

install(EXPORT millrace-targets NAMESPACE millrace:: DESTINATION ${MILLRACE_CONFIG_DIR} COMPONENT development)
configure_package_config_file(cmake/millrace-config.cmake.in ${PROJECT_BINARY_DIR}/millrace-config.cmake
  INSTALL_DESTINATION ${MILLRACE_CONFIG_DIR})
# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/millrace-config.cmake ${PROJECT_BINARY_DIR}/millrace-config-version.cmake
  DESTINATION ${MILLRACE_CONFIG_DIR} COMPONENT development)

# The libraries are static: who links one links all that it needs, hence no *.private. Paths are relative to the file, so
# that what is installed can be moved.
file(RELATIVE_PATH pkg_config_to_prefix /${MILLRACE_PKG_CONFIG_DIR} /)
string(REGEX REPLACE "/$" "" pkg_config_to_prefix ${pkg_config_to_prefix})
function(millrace_pkg_config name description requires libraries)
  configure_file(cmake/millrace.pc.in ${PROJECT_BINARY_DIR}/millrace-${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/millrace-${name}.pc DESTINATION ${MILLRACE_PKG_CONFIG_DIR} COMPONENT development)
endfunction()
set(server_requires "millrace-core = ${PROJECT_VERSION}, cpp-httplib, libcrypto, cjose, libnghttp2, prometheus-cpp-core, sqlite3, libnats, zlib")
if(LIBURING_FOUND)
  string(APPEND server_requires ", liburing")
endif()
set(client_requires "millrace-core = ${PROJECT_VERSION}, libcurl >= 7.87, libcares, zlib")
if(BROTLI_FOUND)
  string(APPEND client_requires ", libbrotlidec")
  string(APPEND server_requires ", libbrotlidec")
endif()
millrace_pkg_config(core "Server-Sent Events: the protocol, both ends" "" "")
millrace_pkg_config(server "Server-Sent Events: server and hub" "${server_requires}" "-pthread")
millrace_pkg_config(client "Server-Sent Events: client" "${client_requires}" "-pthread")

# --- Debian packages: `cpack` in the build's folder -------------------------------------------------------------------

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Millrace developers")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "Server-Sent Events: server, client and load generator
 The program millrace: serve, tail, publish and bench.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmillrace-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(development_depends pkg-config libcpp-httplib-dev libcurl4-openssl-dev libc-ares-dev libssl-dev nlohmann-json3-dev
  libcjose-dev libjansson-dev prometheus-cpp-dev libnghttp2-dev libsqlite3-dev libnats-dev zlib1g-dev)
if(LIBURING_FOUND)
  list(APPEND development_depends liburing-dev)
endif()
if(BROTLI_FOUND)
  list(APPEND development_depends libbrotli-dev)
endif()
list(JOIN development_depends ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS libgtest-dev)  # for millrace/testing/
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "Server-Sent Events: libraries for servers and clients in C++
 Static libraries, headers, and what CMake and pkg-config read.")
include(CPack)
