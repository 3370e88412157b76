// Packages of any Debian suite, fetched without touching the machine's own apt.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace landfall {

/// One package list the machine's apt sources name.
struct AptSource {
    std::string suite, component, uri;
    bool operator==(const AptSource&) const = default;
};

/// The machine's sources as apt itself reads them, in their one-line or deb822 form. `options` go to apt-get.
/// Empty if there is no apt.
[[nodiscard]] std::vector<AptSource> apt_sources(const std::vector<std::string>& options = {});

/// The mirrors that carry the machine's own release (its VERSION_CODENAME), each once, Debian's own server
/// last: the places where another suite of Debian may be found.
[[nodiscard]] std::vector<std::string> debian_mirrors(const std::vector<AptSource>& sources,
                                                      std::string_view codename);

/// A suite's package lists, kept in a folder of their own and signed by Debian's archive keys.
class AptSuite {
  public:
    using Log = std::function<void(const std::string&)>;
    /// Reads the lists anew, from the first mirror that gives them. Throws LabError if none does.
    AptSuite(std::filesystem::path folder, std::string suite, Log log);

    /// The package whose name begins so and that this one depends on, as Debian's linux-image-amd64 does on an image; else
    /// this one itself.
    [[nodiscard]] std::string stands_for(const std::string& package, std::string_view beginning) const;
    /// Version of a package. Throws LabError if the suite lacks it.
    [[nodiscard]] std::string version(const std::string& package) const;
    /// Downloads a package into `into` and returns the file. `percent` is told how far it is.
    [[nodiscard]] std::filesystem::path download(const std::string& package, const std::string& version,
                                                 const std::filesystem::path& into,
                                                 const std::function<void(unsigned)>& percent) const;

  private:
    [[nodiscard]] std::vector<std::string> command(const char* program) const;
    [[nodiscard]] bool update(const std::string& mirror) const;

    std::filesystem::path folder_;
    std::string suite_;
    Log log_;
};

}  // namespace landfall
