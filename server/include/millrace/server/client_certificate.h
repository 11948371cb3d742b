// The subject of a client's certificate, for handlers and authorizers.
//
//   Decision decide(const httplib::Request& request, Action, const millrace::TopicPatterns&) const override {
//     const std::string subject = millrace::client_certificate_subject(request);  // "CN=sensor-7,O=Example"
//     return subject.empty() ? Decision::unauthenticated("connect with a certificate") : Decision::allow(subject);
//   }
#pragma once

#include <string>

#include "millrace/server/httplib_forward.h"

namespace millrace {

/// The subject of the client's verified certificate, in the form of RFC 2253, in UTF-8. Empty if the client has no
/// certificate, or if ServerTls::client_ca is not set. Any thread.
std::string client_certificate_subject(const httplib::Request& request);

}  // namespace millrace
