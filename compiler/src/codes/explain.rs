//! What `copc explain` says of a code: a page of Markdown in `compiler/explain/`, with a program that is wrong in just
//! this way and one that is right.

/// A table of the pages of these codes.
macro_rules! pages {
    ($($code:ident)*) => {
        &[$((
            stringify!($code),
            include_str!(concat!("../../explain/", stringify!($code), ".md")),
        )),*]
    };
}

/// Code and page, in order. Codes that are missing here have no page yet.
const PAGES: &[(&str, &str)] = pages! {
    E0101 E0102 E0103 E0104 E0105 E0106 E0107 E0108 E0109 E0110
    E0201 E0202 E0203 E0204 E0211 E0213 E0214 E0215 E0216
    E0301 E0302 E0303 E0304 E0305 E0306 E0308 E0309 E0311 E0313 E0314 E0315 E0316 E0317 E0318 E0319 E0320 E0321 E0322 E0323 E0324 E0326 E0327 E0328
    E0401 E0402 E0404 E0405 E0406 E0407 E0408 E0409 E0410 E0411 E0412 E0413 E0414 E0416 E0417 E0418 E0419 E0420 E0421 E0423 E0424 E0425 E0426
    E0501 E0502 E0503 E0504 E0505 E0506 E0507 E0508 E0509
    E0601 E0602 E0603 E0604 E0605 E0606 E0607 E0608 E0609 E0610
    E0702 E0703 E0707 E0708 E0709 E0710 E0711 E0713 E0714 E0715
    W0101
    W0201 W0202
    W0301 W0302 W0303 W0304 W0305
    W0401
    W0601
};

/// The page of a code, in Markdown, if there is one.
pub fn page(code: &str) -> Option<&'static str> {
    let mut pages = PAGES.iter();
    pages
        .find(|(known, _)| *known == code)
        .map(|(_, page)| *page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::title;
    use crate::compile::{CompileOptions, compile};
    use crate::source::{SourceError, Sources};
    use std::collections::BTreeSet;
    use std::path::Path;

    /// A program of one file.
    struct One<'a>(&'a str);

    impl Sources for One<'_> {
        fn read(&self, path: &str) -> Result<String, SourceError> {
            match path {
                "main.cop" => Ok(self.0.to_owned()),
                _ => Err(SourceError::NotFound),
            }
        }
    }

    /// The codes of all that the compiler says of a program.
    fn said(program: &str) -> BTreeSet<&'static str> {
        let compilation = compile("main.cop", &One(program), CompileOptions::default());
        compilation.diagnostics.iter().map(|d| d.code).collect()
    }

    /// The program below a heading.
    fn example<'p>(code: &str, page: &'p str, heading: &str) -> &'p str {
        page.split_once(&format!("\n{heading}:\n\n```cop\n"))
            .and_then(|(_, rest)| rest.split_once("```\n"))
            .unwrap_or_else(|| panic!("the page of {code} has no example `{heading}:`"))
            .0
    }

    #[test]
    fn every_wrong_example_has_just_its_error_and_every_right_one_none() {
        for (code, page) in PAGES {
            let wrong = said(example(code, page, "Wrong"));
            assert_eq!(wrong, BTreeSet::from([*code]), "{code}, the wrong example");
            let right = said(example(code, page, "Right"));
            assert_eq!(right, BTreeSet::new(), "{code}, the right example");
        }
    }

    #[test]
    fn pages_are_those_of_the_folder_in_order_and_short() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("explain");
        let files = std::fs::read_dir(folder).expect("the folder of the pages");
        let mut files: Vec<String> = files
            .map(|file| file.expect("a file").file_name().to_string_lossy().into())
            .collect();
        files.sort();
        let listed: Vec<String> = PAGES.iter().map(|(code, _)| format!("{code}.md")).collect();
        assert_eq!(files, listed);
        for (code, page) in PAGES {
            assert!(title(code).is_some(), "there is no {code}");
            assert!(page.lines().count() <= 40, "the page of {code} is too long");
        }
    }
}
