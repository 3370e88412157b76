#include "rig/yaml.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "landfall/error.hpp"
#include "landfall/scenario.hpp"

namespace landfall {
namespace {

/// yaml-cpp counts from 0, and says -1 where it does not know.
TextError::Where place(const std::string& file, const YAML::Mark& mark) {
    if (mark.is_null()) return {file, 0, 0};
    return {file, static_cast<unsigned>(mark.line + 1), static_cast<unsigned>(mark.column + 1)};
}

std::string describe(const YAML::Node& node) {
    if (node.IsScalar()) return node.Scalar();
    if (node.IsSequence()) return "a list";
    return node.IsMap() ? "a mapping" : "nothing";
}

std::optional<std::uint64_t> decimal(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// An alias may stand inside of what it stands for, and a few lines of them for more nodes than there is memory.
class RefuseAliases final : public YAML::EventHandler {
  public:
    explicit RefuseAliases(const std::string& file) : file_(file) {}
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        throw TextError(place(file_, mark), "an alias", "what it stands for, written out");
    }
    void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
    void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  const std::string& /*value*/) override {}
    void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                         YAML::EmitterStyle::value /*style*/) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                    YAML::EmitterStyle::value /*style*/) override {}
    void OnMapEnd() override {}

  private:
    const std::string& file_;
};

/// YAML::LoadAll does not come back from some texts: what is left of them is a document without end.
void require_one_document(const std::string& text, const std::string& file) {
    std::istringstream in(text);
    YAML::Parser parser(in);
    RefuseAliases refuse(file);
    if (!parser.HandleNextDocument(refuse) || parser.HandleNextDocument(refuse))
        throw TextError({file, 0, 0}, "", "one YAML document");
}

}  // namespace

Yaml Yaml::read(std::istream& in, const std::string& file) {
    LineReader lines(in, file);
    std::string text;
    for (std::string line; lines.next(line);) text += line + '\n';
    return parse(text, file);
}

Yaml Yaml::parse(const std::string& text, const std::string& file) {
    try {
        require_one_document(text, file);
        return {YAML::Load(text), file};
    } catch (const YAML::ParserException& e) {
        throw TextError(place(file, e.mark), "", "valid YAML: " + e.msg);
    }
}

void Yaml::fail(const std::string& expected) const {
    throw TextError(place(file_, node_.Mark()), describe(node_), expected);
}

std::vector<std::pair<Yaml, Yaml>> Yaml::pairs() const {
    if (!node_.IsMap()) fail("a mapping");
    std::vector<std::pair<Yaml, Yaml>> out;
    for (const auto& entry : node_) {
        const Yaml key(entry.first, file_);
        const std::string name = key.text();
        for (const auto& seen : out) {
            if (seen.first.text() == name) key.fail("each key once");
        }
        out.emplace_back(key, Yaml(entry.second, file_));
    }
    return out;
}

void Yaml::keys(std::initializer_list<std::string_view> allowed) const {
    for (const auto& [key, value] : pairs()) {
        if (std::find(allowed.begin(), allowed.end(), key.text()) == allowed.end()) {
            key.fail(fmt::format("one of: {}", fmt::join(allowed, ", ")));
        }
    }
}

std::optional<Yaml> Yaml::find(std::string_view key) const {
    for (const auto& [name, value] : pairs()) {
        if (name.text() == key) return value;
    }
    return std::nullopt;
}

Yaml Yaml::at(std::string_view key) const {
    if (auto value = find(key)) return *value;
    throw TextError(place(file_, node_.Mark()), "", fmt::format("a key '{}'", key));
}

std::vector<Yaml> Yaml::list() const {
    if (!node_.IsSequence()) fail("a list");
    std::vector<Yaml> out;
    for (const auto& item : node_) out.push_back(Yaml(item, file_));
    return out;
}

std::string Yaml::scalar() const {
    if (!node_.IsScalar() && !node_.IsNull()) fail("a text");
    return node_.IsScalar() ? node_.Scalar() : "";
}

std::string Yaml::text() const {
    if (!node_.IsScalar() || node_.Scalar().empty()) fail("a text");
    return node_.Scalar();
}

bool Yaml::flag() const {
    const auto word = text();
    if (word != "true" && word != "false") fail("true or false");
    return word == "true";
}

std::uint64_t Yaml::number(std::uint64_t least, std::uint64_t most) const {
    const auto value = node_.IsScalar() ? decimal(node_.Scalar()) : std::nullopt;
    if (!value || *value < least || *value > most) fail(fmt::format("a number from {} to {}", least, most));
    return *value;
}

std::uint64_t Yaml::mebibytes(std::uint64_t least, std::uint64_t most) const {
    const std::string written = node_.IsScalar() ? node_.Scalar() : "";
    const char unit = written.empty() ? '\0' : written.back();
    const auto count = decimal(std::string_view(written).substr(0, written.empty() ? 0 : written.size() - 1));
    const std::uint64_t scale = unit == 'G' ? 1024 : 1;
    if (!count || (unit != 'M' && unit != 'G') || *count > most || *count * scale < least ||
        *count * scale > most) {
        fail(fmt::format("a size from {}M to {}M, as 512M or 1G", least, most));
    }
    return *count * scale;
}

std::vector<std::string> Yaml::words() const {
    std::vector<std::string> out;
    if (node_.IsSequence()) {
        for (const Yaml& word : list()) out.push_back(word.text());
        return out;
    }
    std::istringstream in(scalar());
    for (std::string word; in >> word;) out.push_back(word);
    return out;
}

}  // namespace landfall
