// Where a request holds the subject of its client's certificate: beside its headers, under a name that none can have on
// the wire.
#pragma once

namespace millrace {

inline constexpr const char* kClientSubjectField = ":client-subject";

}  // namespace millrace
