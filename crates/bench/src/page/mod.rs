//! A document as one page that needs no network, and its plots as files.

mod chart;
mod palette;
mod parts;
mod plots;

use std::fmt::Write as _;
use std::io;

use self::chart::Room;
use self::plots::charts;
use crate::{Document, Error};

/// Colours, light and dark, by name: what the page and the files of plots share.
const COLOURS: &str = include_str!("colours.css");
/// The rest of the page's style.
const STYLE: &str = include_str!("style.css");

/// The document as a page: plots (inline SVG), tables, the machine and the command line, light or dark as the reader's system
/// is. It is well-formed XML as well, and loads nothing.
///
/// # Errors
/// None that a document of measured figures can cause.
pub fn page(document: &Document) -> Result<String, Error> {
    write(document).map_err(failed)
}

/// The document's plots as SVG files: a name without extension, and the text of each. They are light or dark as the page is that
/// shows them.
///
/// # Errors
/// As [`page`].
pub fn plots(document: &Document) -> Result<Vec<(String, String)>, Error> {
    charts(document).into_iter().map(|chart| Ok((chart.name.clone(), chart.file().map_err(failed)?))).collect()
}

fn failed(error: std::fmt::Error) -> Error {
    Error::Io { doing: "draw a plot", source: io::Error::other(error) }
}

fn write(document: &Document) -> Result<String, std::fmt::Error> {
    let title = parts::title(document);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{title}</title>\n\
         <style>\n{COLOURS}{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    html.push_str(&parts::head(document));
    let charts = charts(document);
    if !charts.is_empty() {
        html.push_str("<h2>Plots</h2>\n<div class=\"charts\">\n");
        for chart in &charts {
            let (name, title) = (chart::escaped(&chart.name), chart::escaped(&chart.title));
            let note =
                if chart.note.is_empty() { String::new() } else { format!("<p>{}</p>", chart::escaped(&chart.note)) };
            writeln!(html, "<figure id=\"{name}\"><figcaption><h3>{title}</h3>{note}</figcaption>")?;
            write!(html, "<div class=\"wide\">{}</div>", chart.inline(Room::Wide)?)?;
            writeln!(html, "<div class=\"narrow\">{}</div></figure>", chart.inline(Room::Narrow)?)?;
        }
        html.push_str("</div>\n");
    }
    html.push_str(&parts::tables(document));
    html.push_str(&parts::figures(document));
    html.push_str(&parts::machine(document));
    html.push_str("</main>\n</body>\n</html>\n");
    Ok(html)
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document as Xml, ParsingOptions};

    use super::*;
    use crate::samples;

    fn parsed(text: &str) -> Xml<'_> {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        Xml::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_page_is_well_formed_and_loads_nothing() {
        let mut document = samples::full();
        document.command.push("--name=<b>&\"quoted\"".into());
        document.cells[0].name = "<echo> & more".into();
        let html = page(&document).unwrap();
        let xml = parsed(&html);
        let loads = |name: &str| matches!(name, "script" | "link" | "img" | "iframe" | "use" | "image");
        assert!(!xml.descendants().any(|node| loads(node.tag_name().name())));
        assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("http-equiv"));
        let attributes = || xml.descendants().flat_map(|node| node.attributes());
        assert!(!attributes().any(|attribute| matches!(attribute.name(), "src" | "href" | "style")));
        let charts = xml.descendants().filter(|node| node.tag_name().name() == "svg").count();
        assert_eq!(charts, 2 * plots(&document).unwrap().len());
        assert!(html.contains("&lt;echo&gt; &amp; more"));
        let mut ids: Vec<_> = attributes().filter(|one| one.name() == "id").map(|one| one.value()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    #[test]
    fn a_page_says_what_was_wrong_and_on_what_it_ran() {
        let html = page(&samples::compared()).unwrap();
        for part in
            ["client 7 got publication 12 of room 0 twice", "Some Processor", "cubic", "bowline bench compare -n 3"]
        {
            assert!(html.contains(part), "{part}");
        }
        let html = page(&samples::with_tables()).unwrap();
        let cells = parsed(&html).descendants().filter(|node| node.tag_name().name() == "td").count();
        assert!(html.contains("187,000") && cells >= 6, "{cells}");
    }

    #[test]
    fn a_page_says_that_it_was_broken_off() {
        let html = page(&samples::broken_off()).unwrap();
        let words = "<div class=\"verdict interrupted\"><strong>interrupted</strong>: 1 of 4 workloads measured, in part: websocket; \
                     missing: comet, long-polling, polling. As far as it went: every message came, once and in order, and the load \
                     generator had time to spare.</div>";
        assert!(html.contains(words) && html.contains("<td>fine, in part</td>"), "{html}");
    }

    #[test]
    fn plots_have_colours_of_the_style_only() {
        for (name, svg) in plots(&samples::full()).unwrap() {
            let xml = parsed(&svg);
            let drawn = |attribute: &roxmltree::Attribute<'_, '_>| matches!(attribute.name(), "fill" | "stroke");
            for attribute in xml.descendants().flat_map(|node| node.attributes().filter(drawn).collect::<Vec<_>>()) {
                let value = attribute.value();
                assert!(value == "none" || value.starts_with("var(--"), "{name}: {value}");
            }
            assert!(svg.contains("prefers-color-scheme: dark") && xml.root_element().attribute("width") == Some("600"));
        }
    }
}
