# What `cmake --install` lays down: libraries, public headers, the program, and what find_package(millrace) reads.
include(CMakePackageConfigHelpers)

set(MILLRACE_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

install(TARGETS millrace_core millrace_server millrace_client EXPORT millrace-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS millrace_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(folder IN ITEMS core server client-native)
  install(DIRECTORY ${folder}/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT millrace-targets NAMESPACE millrace:: DESTINATION ${MILLRACE_CONFIG_DIR})
configure_package_config_file(cmake/millrace-config.cmake.in ${PROJECT_BINARY_DIR}/millrace-config.cmake
  INSTALL_DESTINATION ${MILLRACE_CONFIG_DIR})
# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/millrace-config.cmake ${PROJECT_BINARY_DIR}/millrace-config-version.cmake
  DESTINATION ${MILLRACE_CONFIG_DIR})
