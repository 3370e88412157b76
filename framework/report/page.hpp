// The page around the data: html, style and script, put together at build time from page/.
#pragma once

#include <string_view>

namespace landfall {

/// kPageHead + ReportData::json() + kPageTail is the whole file.
extern const std::string_view kPageHead, kPageTail;

}  // namespace landfall
