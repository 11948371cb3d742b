"""Conan 2 recipe. `conan create packaging/conan --version 0.1.0` in the source tree."""

import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir
from conan.tools.gnu import PkgConfigDeps

required_conan_version = ">=2.0"

# Each part is an option. What it needs, what it is built upon, and what it links.
PARTS = {
    "client": (["libcurl/[>=7.87 <9]", "c-ares/[>=1.18 <2]"], "core", ["libcurl::libcurl", "c-ares::c-ares"]),
    "server": (["cpp-httplib/[>=0.11.4 <1]", "openssl/[>=3 <4]", "libnghttp2/[>=1.50 <2]"], "core", ["cpp-httplib::cpp-httplib", "openssl::crypto", "libnghttp2::nghttp2"]),
    "metrics": (["prometheus-cpp/[>=1 <2]"], "server", ["prometheus-cpp::prometheus-cpp-core"]),
    "sqlite": (["sqlite3/[>=3.40 <4]"], "server", ["sqlite3::sqlite3"]),
    "nats": (["cnats/[>=3 <4]"], "server", ["cnats::cnats"]),
    "postgres": (["libpq/[>=12 <18]"], "server", ["libpq::libpq"]),
    "redis": (["hiredis/[>=0.14 <2]"], "server", ["hiredis::hiredis"]),
}


class MillraceConan(ConanFile):
    name = "millrace"
    description = "Server-Sent Events for C++: server and hub, client, and the protocol alone"
    license = "MIT"
    topics = ("server-sent-events", "sse", "eventsource", "http", "pubsub")
    package_type = "static-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"fPIC": [True, False], "with_liburing": [True, False], **{part: [True, False] for part in PARTS}}
    default_options = {
        "fPIC": True,
        "with_liburing": False,
        "client": True,
        "server": True,
        "metrics": False,
        "sqlite": False,
        "nats": False,
        "postgres": False,
        "redis": False,
        "prometheus-cpp/*:with_pull": False,
        "prometheus-cpp/*:with_push": False,
    }

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "core/*", "server/*", "client-native/*", "json/*", "threads/*", "sockets/*",
                        "client-wasm/package.json"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux" and (self.options.server or self.options.client):
            raise ConanInvalidConfiguration("server and client have been tried on Linux alone: -o server=False -o client=False")
        for part, (_, upon, _) in PARTS.items():
            if self.options.get_safe(part) and upon != "core" and not self.options.get_safe(upon):
                raise ConanInvalidConfiguration(f"{part} is built upon {upon}: -o {upon}=True")

    def requirements(self):
        for part, (requirements, _, _) in PARTS.items():
            if self.options.get_safe(part):
                for requirement in requirements:
                    # Its headers are in those of the server.
                    self.requires(requirement, transitive_headers=requirement.startswith("cpp-httplib"))
        if self.options.client or self.options.server:
            self.requires("nlohmann_json/[>=3.11 <4]", visible=False)
            self.requires("zlib/[>=1.2.12 <2]")
        if self.options.server and self.options.with_liburing:
            self.requires("liburing/[>=2.3 <3]")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in PARTS:
            toolchain.cache_variables[f"MILLRACE_WITH_{part.upper()}"] = "ON" if self.options.get_safe(part) else "OFF"
        toolchain.cache_variables["MILLRACE_WITH_JWT"] = "OFF"  # there is no recipe of cjose
        toolchain.cache_variables["MILLRACE_WITH_BROTLI"] = "OFF"
        toolchain.cache_variables["MILLRACE_WITH_PROGRAM"] = "OFF"
        toolchain.cache_variables["MILLRACE_WITH_LIBURING"] = "ON" if self.options.with_liburing else "OFF"
        toolchain.generate()
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        for folder in ("lib/cmake", "lib/pkgconfig", "share"):
            rmdir(self, os.path.join(self.package_folder, folder))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "millrace")
        self._component("core", [], [])
        for part, (_, upon, links) in PARTS.items():
            if self.options.get_safe(part):
                self._component(part, [upon], links)

    def _component(self, part, upon, links):
        component = self.cpp_info.components[part]
        component.set_property("cmake_target_name", f"millrace::{part}")
        component.set_property("pkg_config_name", f"millrace-{part}")
        component.libs = [f"millrace_{part}"]
        component.requires = upon + links
        if part in ("client", "server"):
            component.requires.append("zlib::zlib")
        if part == "server" and self.options.with_liburing:
            component.requires.append("liburing::liburing")
        if part != "core" and self.settings.os == "Linux":
            component.system_libs = ["pthread"]
