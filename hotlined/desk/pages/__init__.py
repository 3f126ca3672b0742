"""One module a page, each with a table `PAGES` of what it serves; `hotlined.desk.app` puts them together."""
