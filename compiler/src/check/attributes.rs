//! `@name(…)`: which are known, where they may stand, what they say.

use super::*;
use crate::ast::{ArgumentKind, Attribute, ExprKind, ItemKind, StringPart};

/// Where attributes stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Struct,
    Enum,
    Field,
    Variant,
    Function,
    Other,
}

/// What the attributes of one thing say.
#[derive(Default)]
pub(super) struct Said {
    pub json: Option<Rc<str>>,
    pub ignore_unknown: bool,
    pub deprecated: Option<Rc<str>>,
    pub intrinsic: Option<Rc<str>>,
    pub lang: Option<Rc<str>>,
    pub constant: bool,
    pub conditions: Vec<(Rc<str>, Span)>,
}

impl Checker<'_> {
    pub(super) fn attributes(
        &mut self,
        attributes: &[Attribute],
        place: Place,
        module: usize,
    ) -> Said {
        let mut said = Said::default();
        let library = self.is_std(module);
        let mut seen: Vec<&str> = Vec::new();
        for attribute in attributes {
            let name = &*attribute.name.text;
            if seen.contains(&name) && name != "where" {
                self.report(
                    Diagnostic::error("E0708", format!("`@{name}` is given twice"))
                        .at(attribute.span, "")
                        .edit(attribute.span, ""),
                );
            }
            seen.push(name);
            match name {
                "json" if matches!(place, Place::Field | Place::Variant | Place::Enum) => {
                    said.json = self.text(attribute).map(|text| rc(&text));
                }
                "ignore_unknown" if place == Place::Struct => {
                    said.ignore_unknown = true;
                    self.no_arguments(attribute);
                }
                "deprecated" if !matches!(place, Place::Field | Place::Variant) => {
                    said.deprecated = self.text(attribute)
                }
                "intrinsic" if library && place == Place::Function => {
                    said.intrinsic = self.text(attribute).map(|text| rc(&text));
                }
                "lang" if library => said.lang = self.text(attribute).map(|text| rc(&text)),
                "constant" if library && place == Place::Function => said.constant = true,
                "plain" if library && place == Place::Struct => {}
                "where" if library && place == Place::Function => {
                    if let Some(text) = self.text(attribute) {
                        said.conditions.push((text, attribute.span));
                    }
                }
                "json" | "ignore_unknown" | "deprecated" => {
                    let wanted = match name {
                        "json" => "a field, a variant or an enum",
                        "ignore_unknown" => "a struct",
                        _ => "an item or a method",
                    };
                    self.report(
                        Diagnostic::error("E0708", format!("`@{name}` does not belong here"))
                            .at(attribute.span, format!("it stands on {wanted}")),
                    );
                }
                _ => {
                    let near = suggest::nearest(name, ["json", "ignore_unknown", "deprecated"]);
                    let mut message = Diagnostic::error("E0708", format!("there is no attribute `@{name}`"))
                        .at(attribute.span, "")
                        .note("the attributes are `@json(\"name\")`, `@ignore_unknown` and `@deprecated(\"why\")`");
                    if let Some(near) = near {
                        message = message.edit(attribute.name.span, near);
                    }
                    self.report(message);
                }
            }
        }
        said
    }

    fn text(&mut self, attribute: &Attribute) -> Option<Rc<str>> {
        let text = string_in(attribute);
        if text.is_some() {
            return text;
        }
        self.report(
            Diagnostic::error(
                "E0708",
                format!("`@{}` takes one string", attribute.name.text),
            )
            .at(
                attribute.span,
                format!("write `@{}(\"…\")`", attribute.name.text),
            ),
        );
        None
    }

    /// Remembers which types, traits and constants are deprecated, before anything names them.
    pub(super) fn gather_deprecated(&mut self) {
        let loaded = self.loaded;
        for item in loaded.iter().flat_map(|file| &file.ast.items) {
            let name = match &item.kind {
                ItemKind::Struct(decl) => &decl.name,
                ItemKind::Enum(decl) => &decl.name,
                ItemKind::Trait(decl) => &decl.name,
                ItemKind::Alias(decl) => &decl.name,
                ItemKind::Const(decl) => &decl.name,
                _ => continue,
            };
            let why = item
                .attributes
                .iter()
                .find(|attribute| &*attribute.name.text == "deprecated");
            if let Some(why) = why.and_then(string_in) {
                self.deprecated.insert(name.span, why);
            }
        }
    }

    /// Warns that what is named `at` a place, declared at another, is deprecated.
    pub(super) fn warn_deprecated(&mut self, declared: Span, at: Span, module: usize) {
        if let Some(why) = self.deprecated.get(&declared).cloned()
            && !self.is_std(module)
        {
            let name = self.files.text(at).to_string();
            self.report(
                Diagnostic::warning("W0301", format!("`{name}` is deprecated"))
                    .at(at, "")
                    .note(why.to_string()),
            );
        }
    }

    /// Where an item that a capitalised name stands for was declared.
    pub(super) fn declared_at(&self, item: TypeItem) -> Option<Span> {
        match item {
            TypeItem::Adt(id) => Some(self.program.adts[id.index()].span),
            TypeItem::Alias(alias) => Some(self.aliases[alias].decl.name.span),
            TypeItem::Trait(id) => Some(self.traits[id.index()].decl.name.span),
            TypeItem::Shell(shell) => Some(self.shells[shell].decl.name.span),
            TypeItem::Never | TypeItem::Broken => None,
        }
    }

    fn no_arguments(&mut self, attribute: &Attribute) {
        if !attribute.arguments.is_empty() {
            self.report(
                Diagnostic::error(
                    "E0708",
                    format!("`@{}` takes no arguments", attribute.name.text),
                )
                .at(attribute.span, "")
                .edit(attribute.span, format!("@{}", attribute.name.text)),
            );
        }
    }
}

/// The one string that an attribute was given.
fn string_in(attribute: &Attribute) -> Option<Rc<str>> {
    if let [argument] = &attribute.arguments[..]
        && let ArgumentKind::Value(value) = &argument.kind
        && let ExprKind::String(parts) = &value.kind
    {
        return match &parts[..] {
            [] => Some(Rc::from("")),
            [StringPart::Text(text)] => Some(text.clone()),
            _ => None,
        };
    }
    None
}

/// One condition of `@where("…")` in the core.
pub(super) enum Condition {
    /// `T: Ord + Show`.
    Bounds(String, Vec<String>),
    /// `T = (K, V)`.
    Equal(String, String),
}

/// Reads `@where("T: Ord, U = Int")`.
pub(super) fn conditions(text: &str) -> Vec<Condition> {
    split(text, ',')
        .into_iter()
        .filter_map(|clause| {
            if let Some((name, ty)) = clause.split_once('=') {
                return Some(Condition::Equal(
                    name.trim().to_string(),
                    ty.trim().to_string(),
                ));
            }
            let (name, bounds) = clause.split_once(':')?;
            let bounds = bounds
                .split('+')
                .map(|bound| bound.trim().to_string())
                .collect();
            Some(Condition::Bounds(name.trim().to_string(), bounds))
        })
        .collect()
}

/// Splits where no bracket is open.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, letter) in text.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ if letter == at && depth == 0 => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

impl Checker<'_> {
    /// The type that the text of a condition names: names, `(A, B)`, `Name[A]` and `T?` are enough there.
    pub(super) fn type_from_text(&self, text: &str, scope: &TypeScope) -> Option<Ty> {
        let text = text.trim();
        if let Some(inner) = text.strip_suffix('?') {
            return Some(self.option_of(self.type_from_text(inner, scope)?));
        }
        if let Some(inner) = text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'))
        {
            let parts: Option<Vec<Ty>> = split(inner, ',')
                .into_iter()
                .map(|part| self.type_from_text(part, scope))
                .collect();
            return Some(Ty::Tuple(parts?.into()));
        }
        let (name, args) = match text.split_once('[') {
            None => (text, Vec::new()),
            Some((name, rest)) => {
                let args: Option<Vec<Ty>> = split(rest.strip_suffix(']')?, ',')
                    .into_iter()
                    .map(|arg| self.type_from_text(arg, scope))
                    .collect();
                (name, args?)
            }
        };
        if let Some((_, ty)) = scope.params.iter().find(|(param, _)| &**param == name) {
            return Some(ty.clone());
        }
        match self.find_type(scope.module, name)? {
            TypeItem::Shell(shell) => Some(self.shells[shell].ty.substitute(&args)),
            TypeItem::Adt(id) => Some(Ty::Adt(id, args.into())),
            _ => None,
        }
    }
}
