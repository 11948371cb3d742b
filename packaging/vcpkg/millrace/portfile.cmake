vcpkg_download_distfile(ARCHIVE
  URLS "https://millrace.example/releases/v${VERSION}/millrace-${VERSION}.tar.gz"
  FILENAME "millrace-${VERSION}.tar.gz"
  SHA512 0
)
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

# Each feature is a part or a library: a feature that is not asked for is OFF whatever else is installed.
vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    brotli    MILLRACE_WITH_BROTLI
    client    MILLRACE_WITH_CLIENT
    liburing  MILLRACE_WITH_LIBURING
    metrics   MILLRACE_WITH_METRICS
    nats      MILLRACE_WITH_NATS
    postgres  MILLRACE_WITH_POSTGRES
    redis     MILLRACE_WITH_REDIS
    server    MILLRACE_WITH_SERVER
    sqlite    MILLRACE_WITH_SQLITE
)

vcpkg_find_acquire_program(PKGCONFIG)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DMILLRACE_WITH_JWT=OFF  # cjose has no port
    -DMILLRACE_WITH_PROGRAM=OFF
    "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/millrace)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share"
  "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
