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

/// Code and page of every code, in order.
const PAGES: &[(&str, &str)] = pages! {
    E0101 E0102 E0103 E0104 E0105 E0106 E0107 E0108 E0109 E0110 E0111 E0112
    E0113
    E0201 E0202 E0203 E0204 E0210 E0211 E0213 E0214 E0215 E0216
    E0301 E0302 E0303 E0304 E0305 E0306 E0307 E0308 E0309 E0310 E0311 E0312
    E0313 E0314 E0315 E0316 E0317 E0318 E0319 E0320 E0321 E0322 E0323 E0324
    E0325 E0326 E0327 E0328 E0329 E0330 E0331
    E0401 E0402 E0404 E0405 E0406 E0407 E0408 E0409 E0410 E0411 E0412 E0413
    E0414 E0415 E0416 E0417 E0418 E0419 E0420 E0421 E0422 E0423 E0424 E0425
    E0426 E0430 E0431 E0432 E0433 E0434
    E0501 E0502 E0503 E0504 E0505 E0506 E0507 E0508 E0509
    E0601 E0602 E0603 E0604 E0605 E0606 E0607 E0608 E0609 E0610 E0611
    E0701 E0702 E0703 E0704 E0705 E0706 E0707 E0708 E0709 E0710 E0711 E0712
    E0713 E0714 E0715
    E0801 E0802 E0803 E0804 E0805 E0806 E0807 E0808 E0809 E0810 E0811
    E0901 E0909
    W0101 W0102
    W0201 W0202
    W0301 W0302 W0303 W0304 W0305 W0306
    W0401 W0402
    W0501 W0502
    W0601
};

/// The page of a code, in Markdown, if there is one.
pub fn page(code: &str) -> Option<&'static str> {
    let mut pages = PAGES.iter();
    pages
        .find(|(known, _)| *known == code)
        .map(|(_, page)| *page)
}
